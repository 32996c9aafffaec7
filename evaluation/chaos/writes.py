"""The book of a run: every write, every answer it got, and what became of it."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

__all__ = ["SLACK_S", "Answer", "Book", "Operation", "Outcome", "Write"]

SLACK_S: Final = 3.0
_DEADLINE_S: Final = 5.0
_LONG_DEADLINE_S: Final = 10.0


class Operation(StrEnum):
    """What a write asks for; named as the RPC behind it."""

    CREATE_CONTACT = "create_contact"
    CREATE_ACCOUNT = "create_account"
    CREATE_INTERACTION = "create_interaction"
    UPDATE_CONTACT = "update_contact"
    CREATE_LEAD = "create_lead"
    QUALIFY_LEAD = "qualify_lead"
    CONVERT_LEAD = "convert_lead"
    REGISTER_ORG = "register_org"

    @property
    def deadline_s(self) -> float:
        """Within which the gateway promises an answer."""
        long = {Operation.CONVERT_LEAD, Operation.REGISTER_ORG}
        return _LONG_DEADLINE_S if self in long else _DEADLINE_S


class Outcome(StrEnum):
    """What became of a write; ``stuck`` if it was never answered for certain."""

    PENDING = "pending"
    MADE = "made"
    REFUSED = "refused"
    STUCK = "stuck"


@dataclass(frozen=True)
class Answer:
    """What came of one attempt.

    Attributes:
        status: The HTTP status, or ``closed`` (the connection was), ``refused``
            (there was none to be had) or ``silent`` (the client gave up).
        code: The problem's, if it was one.
    """

    status: str
    code: str
    took_s: float
    request_id: str
    is_replayed: bool = False
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retry_after_s: float = 0.0

    @property
    def is_success(self) -> bool:
        """Whether the write was carried out."""
        return self.status in {"200", "201"}

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()


@dataclass
class Write:
    """One keyed write with all its attempts.

    Attributes:
        marker: The name by which what it makes can be recognized.
        record_id: The record that it changes.
        is_shared: Whether others change the same record meanwhile.
        repetition: The answer to the same request, sent again after success.
        repeats: The attempts at that, which are the last of the answers.
    """

    key: str
    operation: Operation
    marker: str
    record_id: str = ""
    is_shared: bool = False
    outcome: Outcome = Outcome.PENDING
    answers: list[Answer] = field(default_factory=list)
    result: Mapping[str, Any] = field(default_factory=dict, repr=False)
    repetition: Answer | None = None
    repeats: int = 0

    @property
    def bound_s(self) -> float:
        """How long an attempt may take at the most."""
        return self.operation.deadline_s + SLACK_S


class Book:
    """All writes of a run; may be shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: list[Write] = []

    def add(self, write: Write) -> Write:
        """Enter a write before its first attempt."""
        with self._lock:
            self._writes.append(write)
        return write

    def __iter__(self) -> Iterator[Write]:
        with self._lock:
            return iter(list(self._writes))

    def answers(self) -> Counter[str]:
        """How often which status was answered."""
        return Counter(answer.status for each in self for answer in each.answers)

    def codes(self) -> Counter[str]:
        """How often which status was answered with which problem code."""
        return Counter(str(answer) for each in self for answer in each.answers)

    def retries(self) -> int:
        """The attempts after the first ones, without those after success."""
        return sum(max(0, len(each.answers) - 1 - each.repeats) for each in self)

    def latest_s(self) -> float:
        """How far the latest answer came behind its deadline; negative if before."""
        late = [a.took_s - w.operation.deadline_s for w in self for a in w.answers]
        return max(late, default=0.0)

    def slowest_s(self) -> float:
        """The longest that any attempt took."""
        return max((a.took_s for each in self for a in each.answers), default=0.0)
