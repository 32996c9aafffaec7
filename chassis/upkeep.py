"""Keeping a process's trust in tokens up to date with svc_auth.

News come over the bus while it is there; after every gap, the start included,
svc_auth is asked for all that matters still. Works in threads and under green
ones.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

import jwt

from chassis.errors import RemoteError, UnavailableError, WireError
from chassis.trust import ISSUER, Trust

__all__ = ["NEWS", "RIGHTS_NEWS", "Upkeep"]

logger = logging.getLogger(__name__)

# The short names of svc_auth's events that matter to everybody's trust.
_REVOCATIONS: Final = ("session_revoked",)
_KEYS: Final = ("signing_key_added", "signing_key_retired")
# Those that concern one member name them as ``person_id``.
RIGHTS_NEWS: Final = (
    "member_updated",
    # Tokens tell currency and time zone, too.
    "org_updated",
    "role_updated",
    "role_archived",
    "role_restored",
    "team_created",
    "team_updated",
    "team_archived",
    "team_restored",
)
NEWS: Final = (*_REVOCATIONS, *_KEYS, *RIGHTS_NEWS)
_FIRST_BACK_OFF_S: Final = 0.2
_LONGEST_BACK_OFF_S: Final = 1.0
# However many tokens name unknown keys.
_ASK_EVERY_S: Final = 2.0

Ask = Callable[[str, Mapping[str, Any]], Any]


class Happening(Protocol):
    """What is looked at of an event."""

    @property
    def name(self) -> str: ...
    @property
    def org_id(self) -> str: ...
    @property
    def aggregate_id(self) -> str: ...
    @property
    def occurred_at(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


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
        self._is_asking = False
        self._is_closing = False
        self._answers = 0
        self._may_ask_at = 0.0
        self._thread: threading.Thread | None = None

    def hear(self, event: Happening) -> None:
        """Take an event; others than news are left alone."""
        service, _, name = event.name.partition(".")
        if service != ISSUER:
            return
        if name in _REVOCATIONS:
            self._trust.revoke(event.aggregate_id)
        elif name in _KEYS:
            self.refresh()
        elif name in RIGHTS_NEWS:
            at = datetime.fromisoformat(event.occurred_at).timestamp()
            self._trust.note_change(event.org_id, event.data.get("person_id"), at)

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
            if time.monotonic() >= self._may_ask_at:
                self._may_ask_at = time.monotonic() + _ASK_EVERY_S
                self.refresh()
            self._state.wait_for(
                lambda: self._answers > seen or self._is_idle, timeout_s
            )
            if not self._answers:
                raise UnavailableError(
                    "service_unavailable", "The keys of access tokens are not known."
                )
            return self._answers > seen

    @property
    def _is_idle(self) -> bool:
        """Whether nobody has been asked, or will be at once."""
        return not (self._is_wanted or self._is_asking)

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
                self._note_failure()
                self._pause(back_off_s * random.uniform(0.5, 1))  # noqa: S311
                back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)
                self.refresh()
            else:
                back_off_s = _FIRST_BACK_OFF_S

    def _wait_for_work(self) -> bool:
        with self._state:
            self._state.wait_for(lambda: self._is_wanted or self._is_closing)
            return not self._is_closing

    def _note_failure(self) -> None:
        with self._state:
            self._is_asking = False
            self._state.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._state:
            self._state.wait_for(lambda: self._is_closing, seconds)

    def _learn(self) -> None:
        with self._state:
            # What is wanted from now on this answer may not hold.
            self._is_wanted = False
            self._is_asking = True
        self._trust.learn_keys(self._ask("get_jwks", {}))
        for page in self._pages("list_revocations"):
            for session_id in page["session_ids"]:
                self._trust.revoke(session_id)
        for page in self._pages("list_rights_changes"):
            for each in page["changes"]:
                self._trust.note_change(each["org_id"], each["person_id"], each["at"])
        with self._state:
            self._is_asking = False
            self._answers += 1
            self._state.notify_all()

    def _pages(self, method: str) -> Iterator[Any]:
        since: str | None = ""
        while since is not None:
            page = self._ask(method, {"since": since})
            yield page
            since = page["next"]
