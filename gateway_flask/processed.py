"""Waiting until svc_analytics has heard of what a client wrote.

It is asked when somebody begins to wait, each time that the feed tells of one of
the awaited events, and four times a second in case the feed does not.
"""

import threading
import time
from typing import Any, Final

from chassis.errors import UnavailableError
from gateway_flask.bus import call
from gateway_flask.consistency import Token
from gateway_flask.policies import View, mark

__all__ = ["Processed", "event_fed"]

_ASK_AGAIN_S: Final = 0.25
# What is left of a request's time for the read itself.
_MARGIN_S: Final = 0.5


def event_fed(view: View) -> View:
    """Let a read of svc_analytics wait for what its consistency token names."""
    return mark(view, is_event_fed=True)


class Processed:
    """Lets readers wait, a few at a time.

    Args:
        most_waiting: So many threads of this process, as waiting takes one.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._waiting: dict[threading.Event, tuple[str, frozenset[str]]] = {}

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
        bell = self._enter(org_id, awaited)
        try:
            _wait(bell, question, deadline - _MARGIN_S)
        finally:
            with self._lock:
                del self._waiting[bell]

    def _enter(self, org_id: str, awaited: frozenset[str]) -> threading.Event:
        bell = threading.Event()
        with self._lock:
            if len(self._waiting) >= self._most_waiting:
                raise _not_caught_up()
            self._waiting[bell] = (org_id, awaited)
        return bell


def _wait(bell: threading.Event, question: dict[str, Any], give_up_at: float) -> None:
    while not call("analytics", "check_processed", payload=question)["is_processed"]:
        remaining_s = give_up_at - time.monotonic()
        if remaining_s <= 0:
            raise _not_caught_up()
        bell.wait(min(remaining_s, _ASK_AGAIN_S))
        bell.clear()


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
