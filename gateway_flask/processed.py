"""Waiting until svc_analytics has heard of what a client wrote.

It is asked when somebody begins to wait, each time that the feed tells of one of
the awaited events, and four times a second in case the feed does not.

Waiting takes a thread. Everybody may wait for a moment, which is as long as it
takes while svc_analytics keeps up; for longer only as many as leave threads to
others, and no organization may be all of them.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from chassis.errors import UnavailableError
from gateway_flask.bus import call
from gateway_flask.consistency import Token
from gateway_flask.policies import View, mark

__all__ = ["Processed", "event_fed"]

_ASK_AGAIN_S: Final = 0.25
# So long anybody may hold a thread: about what a lost hint to the relay costs.
_MOMENT_S: Final = 1.0
# What is left of a request's time for the read itself.
_MARGIN_S: Final = 0.5


def event_fed(view: View) -> View:
    """Let a read of svc_analytics wait for what its consistency token names."""
    return mark(view, is_event_fed=True)


class Processed:
    """Lets readers wait: all for a moment, a few for longer.

    Args:
        threads: How many requests this process works on at a time.
    """

    def __init__(self, threads: int) -> None:
        self._most = max(threads * 3 // 4, 1)
        self._most_of_one = max(threads // 2, 1)
        self._lock = threading.Lock()
        self._waiting: dict[threading.Event, tuple[str, frozenset[str]]] = {}
        # Those who have been waiting for more than a moment, by organization.
        self._for_long: Counter[str] = Counter()

    def hear(self, org_id: str, events: list[dict[str, Any]]) -> None:
        """Wake whoever waits for one of these; called by the feed."""
        if not self._waiting:
            return
        names = {each[name] for each in events for name in ("id", "operation_id")}
        with self._lock:
            for bell, (waiting_org_id, awaited) in self._waiting.items():
                if waiting_org_id == org_id and not awaited.isdisjoint(names):
                    bell.set()

    def notice_gap(self) -> None:
        """Let everybody ask again; called by the feed."""
        with self._lock:
            for bell in self._waiting:
                bell.set()

    def wait(self, token: Token, org_id: str, deadline: float) -> None:
        """Return once everything that the token names was processed.

        Args:
            token: Of a write in this organization.
            org_id: The caller's organization.
            deadline: The request's, on the monotonic clock.

        Raises:
            UnavailableError: ``not_caught_up``, or what svc_analytics answers.
        """
        question = _question(token)
        if question is None:
            return
        operation = [token.operation[0]] if token.operation else []
        awaited = frozenset([*token.events, *operation])
        give_up_at = deadline - _MARGIN_S
        moment = min(time.monotonic() + _MOMENT_S, give_up_at)
        with self._listening(org_id, awaited) as bell:
            if _is_processed(question, bell, moment):
                return
            with self._seat(org_id):
                if not _is_processed(question, bell, give_up_at):
                    raise _not_caught_up()

    @contextmanager
    def _listening(
        self, org_id: str, awaited: frozenset[str]
    ) -> Iterator[threading.Event]:
        bell = threading.Event()
        with self._lock:
            self._waiting[bell] = (org_id, awaited)
        try:
            yield bell
        finally:
            with self._lock:
                del self._waiting[bell]

    @contextmanager
    def _seat(self, org_id: str) -> Iterator[None]:
        with self._lock:
            if (
                self._for_long.total() >= self._most
                or self._for_long[org_id] >= self._most_of_one
            ):
                raise _not_caught_up()
            self._for_long[org_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._for_long[org_id] -= 1
                if not self._for_long[org_id]:
                    del self._for_long[org_id]


def _is_processed(
    question: dict[str, Any], bell: threading.Event, give_up_at: float
) -> bool:
    """Ask until it is, or the time has come."""
    while not call("analytics", "check_processed", payload=question)["is_processed"]:
        remaining_s = give_up_at - time.monotonic()
        if remaining_s <= 0:
            return False
        bell.wait(min(remaining_s, _ASK_AGAIN_S))
        bell.clear()
    return True


def _question(token: Token) -> dict[str, Any] | None:
    if token.operation is not None:
        names = ("id", "records", "sequences")
        operation = dict(zip(names, token.operation, strict=True))
        return {"operation": operation} if operation["records"] else None
    return {"events": token.events} if token.events else None


def _not_caught_up() -> UnavailableError:
    return UnavailableError(
        "not_caught_up", "What you wrote has not arrived here yet; try again."
    )
