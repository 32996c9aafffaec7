"""One RPC request under way, and what can become of it."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chassis.errors import DeadlineExceededError, UnavailableError, from_wire

__all__ = [
    "PendingCall",
    "Reply",
    "broker_unavailable",
    "service_unavailable",
    "too_busy",
]

# Replies come to a queue of this process alone: a number tells them apart.
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Reply:
    """What a service answered; ``headers`` are the reply message's own."""

    result: Any
    headers: Mapping[str, Any]


class PendingCall:
    """A request under way; ``result`` waits for its answer."""

    __slots__ = (
        "_forget",
        "_outcome",
        "_ready",
        "body",
        "correlation_id",
        "deadline",
        "headers",
        "method",
        "sent_at",
        "service",
        "settled_at",
    )

    def __init__(
        self,
        service: str,
        method: str,
        deadline: float,
        forget: Callable[["PendingCall"], bool],
    ) -> None:
        self._forget = forget
        self._outcome: tuple[bytes, Mapping[str, Any]] | Exception | None = None
        # A lock that is released once is the cheapest thing to wait for.
        self._ready = threading.Lock()
        self._ready.acquire()
        self.service = service
        self.method = method
        self.deadline = deadline
        self.sent_at = 0.0
        self.settled_at = 0.0
        self.correlation_id = f"{next(_numbers):x}"
        self.body = b""
        self.headers: dict[str, Any] = {}

    def resolve(self, outcome: tuple[bytes, Mapping[str, Any]] | Exception) -> None:
        """Hand over the answer, or why there is none; once, by its remover."""
        self._outcome = outcome
        self.settled_at = time.monotonic()
        self._ready.release()

    def result(self) -> Reply:
        """Wait for the answer until the deadline.

        Raises:
            WireError: What the service refused with.
            RemoteError: The service failed unexpectedly.
            DeadlineExceededError: ``deadline_exceeded``.
            UnavailableError: ``broker_unavailable``, ``service_unavailable``.
        """
        remaining = max(self.deadline - time.monotonic(), 0)
        if not self._ready.acquire(timeout=remaining):
            if self._forget(self):
                raise DeadlineExceededError(
                    "deadline_exceeded", "The service did not answer in time."
                )
            # The answer arrived just now and is about to be handed over.
            self._ready.acquire()
        outcome = self._outcome
        if outcome is None or isinstance(outcome, Exception):
            raise outcome or RuntimeError("A call was resolved with nothing.")
        body, headers = outcome
        reply = orjson.loads(body)
        if reply["error"] is not None:
            raise from_wire(reply["error"])
        return Reply(reply["result"], headers)


def broker_unavailable() -> UnavailableError:
    """Not connected, or no longer: whether the work was done is unknown."""
    return UnavailableError(
        "broker_unavailable", "The message broker cannot be reached for now."
    )


def service_unavailable(service: str) -> UnavailableError:
    """Nobody serves the service's queue."""
    return UnavailableError(
        "service_unavailable", f"The {service} service is not available for now."
    )


def too_busy() -> UnavailableError:
    """As many calls are in flight as may be."""
    return UnavailableError("too_busy", "Too many requests are being worked on.")
