"""How many streams there may be, and which organizations they belong to."""

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from chassis.auth import Caller
from chassis.errors import RateLimitedError, UnavailableError

__all__ = ["Seat", "Seats"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class Seat:
    """A place that was given to a request for a stream.

    Attributes:
        token: The caller's, with which the log is read and which ends it all.
        types: Names of the events that are wanted; of all if there are none.
        is_chunked: Whether the client takes chunks (HTTP/1.1).
    """

    caller: Caller
    token: str
    types: frozenset[str]
    is_chunked: bool
    request_id: str
    reserved_at: float = field(default_factory=time.monotonic)

    @property
    def sight(self) -> tuple[object, ...]:
        """The same for all who see the same events."""
        caller = self.caller
        rights = (caller.rights_tag, frozenset(caller.team_ids), self.types)
        return (caller.org_id, caller.principal_id, *rights)


class Seats:
    """The seats of a process, given out by the threads of requests.

    Args:
        most: How many there are.
        most_per_principal: How many of them may be one principal's.
    """

    def __init__(self, most: int, most_per_principal: int) -> None:
        self._most = most
        self._most_per_principal = most_per_principal
        self._lock = threading.Lock()
        self._taken: set[Seat] = set()
        self._orgs: Counter[str] = Counter()
        self._principals: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._taken)

    def __contains__(self, seat: Seat) -> bool:
        return seat in self._taken

    def has_org(self, org_id: str) -> bool:
        """Whether the organization has streams here, or one to come."""
        return org_id in self._orgs

    def taken(self) -> list[Seat]:
        """All of them at this moment."""
        with self._lock:
            return list(self._taken)

    def limit(self, most: int) -> None:
        """Have no more seats than there may be open files for them."""
        if most < self._most:
            logger.warning(
                "Fewer streams than set: raise the limit of open files.",
                extra={"streams": max(most, 0), "set": self._most},
            )
            self._most = most

    def take(self, seat: Seat) -> None:
        """Occupy a seat.

        Raises:
            RateLimitedError: ``too_many_streams`` of this principal.
            UnavailableError: ``streams_full``.
        """
        org_id, principal_id = seat.caller.org_id, seat.caller.principal_id
        with self._lock:
            if len(self._taken) >= self._most:
                raise UnavailableError("streams_full", "Too many streams are open.")
            if self._principals[org_id, principal_id] >= self._most_per_principal:
                raise RateLimitedError(
                    "too_many_streams",
                    f"At most {self._most_per_principal} streams may be open.",
                )
            self._taken.add(seat)
            self._orgs[org_id] += 1
            self._principals[org_id, principal_id] += 1

    def leave(self, seat: Seat) -> None:
        """Give a seat back; nothing if that has been done."""
        org_id, principal_id = seat.caller.org_id, seat.caller.principal_id
        with self._lock:
            if seat not in self._taken:
                return
            self._taken.discard(seat)
            self._orgs[org_id] -= 1
            if not self._orgs[org_id]:
                del self._orgs[org_id]
            self._principals[org_id, principal_id] -= 1
            if not self._principals[org_id, principal_id]:
                del self._principals[org_id, principal_id]
