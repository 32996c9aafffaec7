"""Keeping a process's trust in tokens up to date with svc_auth.

News come over the bus while it is there; after every gap, the start included,
svc_auth is asked for all that matters still. Works in threads and under green
ones.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt

from chassis.errors import RemoteError, UnavailableError, WireError
from chassis.trust import Trust

__all__ = ["KEY_NEWS", "REVOCATION_NEWS", "Upkeep"]

logger = logging.getLogger(__name__)

# The short names of svc_auth's events that matter to everybody's trust.
REVOCATION_NEWS: Final = ("session_revoked",)
KEY_NEWS: Final = ("signing_key_added", "signing_key_retired")
_FIRST_BACK_OFF_S: Final = 0.2
_LONGEST_BACK_OFF_S: Final = 5.0
# However many tokens name unknown keys.
_ASK_EVERY_S: Final = 2.0

Ask = Callable[[str, Mapping[str, Any]], Any]


class Upkeep:
    """Asks svc_auth, in a thread of its own, until it has answered.

    Args:
        trust: What is kept up to date.
        ask: Calls an RPC of svc_auth, by name and keyword arguments.
    """

    def __init__(self, trust: Trust, ask: Ask) -> None:
        self._trust = trust
        self._ask = ask
        self._state = threading.Condition()
        self._is_wanted = False
        self._is_closing = False
        self._answers = 0
        self._may_ask_at = 0.0
        self._thread: threading.Thread | None = None

    def hear(self, name: str, subject_id: str) -> None:
        """Take an event of svc_auth; others than news are left alone.

        Args:
            name: Its short name.
            subject_id: The id of the session or key that it is about.
        """
        if name in REVOCATION_NEWS:
            self._trust.revoke(subject_id)
        elif name in KEY_NEWS:
            self.refresh()

    def refresh(self) -> None:
        """Ask for everything soon: news may have been missed."""
        with self._state:
            self._is_wanted = True
            self._state.notify_all()
            if self._thread is None and not self._is_closing:
                self._thread = threading.Thread(
                    target=self._run, name="upkeep", daemon=True
                )
                self._thread.start()

    def learn_key(self, token: str | None, timeout_s: float) -> bool:
        """Ask for the key that a token names, if that is worth it.

        Returns:
            Whether svc_auth has answered since: the token may be good now.

        Raises:
            UnavailableError: ``service_unavailable``: it has not answered
                since this process started, so that nobody can tell.
        """
        if not self._trust.lacks_key_of(token):
            return False
        with self._state:
            seen = self._answers
            if not self._is_wanted and time.monotonic() >= self._may_ask_at:
                self._may_ask_at = time.monotonic() + _ASK_EVERY_S
                self.refresh()
            has_answered = self._is_wanted and self._state.wait_for(
                lambda: self._answers > seen, timeout_s
            )
            if not self._answers:
                raise UnavailableError(
                    "service_unavailable", "The keys of access tokens are not known."
                )
            return has_answered

    def close(self) -> None:
        """Ask no more."""
        with self._state:
            self._is_closing = True
            self._state.notify_all()

    def _run(self) -> None:
        back_off_s = _FIRST_BACK_OFF_S
        while self._wait_for_work():
            try:
                self._learn()
            except (WireError, RemoteError, LookupError, jwt.PyJWTError) as error:
                logger.warning(
                    "svc_auth does not say whom to trust; asking again",
                    extra={"reason": repr(error), "back_off_s": back_off_s},
                )
                self._pause(back_off_s * random.uniform(0.5, 1))  # noqa: S311
                back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)
                self.refresh()
            else:
                back_off_s = _FIRST_BACK_OFF_S

    def _wait_for_work(self) -> bool:
        with self._state:
            self._state.wait_for(lambda: self._is_wanted or self._is_closing)
            return not self._is_closing

    def _pause(self, seconds: float) -> None:
        with self._state:
            self._state.wait_for(lambda: self._is_closing, seconds)

    def _learn(self) -> None:
        with self._state:
            # What is wanted from now on this answer may not hold.
            self._is_wanted = False
        self._trust.learn_keys(self._ask("get_jwks", {}))
        since: str | None = ""
        while since is not None:
            page = self._ask("list_revocations", {"since": since})
            for session_id in page["session_ids"]:
                self._trust.revoke(session_id)
            since = page["next"]
        with self._state:
            self._answers += 1
            self._state.notify_all()
