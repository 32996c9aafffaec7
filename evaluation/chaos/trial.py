"""One seed on a running stack: load and faults, quiet, ledger."""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluation.chaos.faults import Faults, Struck
from evaluation.chaos.ledger import Found, Violation, compare, describe
from evaluation.chaos.load import Load
from evaluation.chaos.plan import Fault, make_plan
from evaluation.chaos.reading import Operator, Reader, UnreadableError
from evaluation.chaos.writes import Book, Operation, Outcome, Write
from stack.audit import verify
from stack.paths import StatePaths
from stack.status import collect_status

__all__ = ["Trial", "run_trial"]

_QUIET_WITHIN_S: Final = 90.0
_LOOK_AGAIN_S: Final = 1.0
_STABLE_S: Final = 3.0


@dataclass(frozen=True)
class Trial:
    """What one seed brought to light."""

    seed: int
    plan: Sequence[Fault]
    struck: int
    book: Book
    found: Found
    violations: Sequence[Violation]
    quiet_after_s: float
    took_s: float


def run_trial(
    paths: StatePaths,
    seed: int,
    seconds: float,
    writers: int,
    say: Callable[[str], None],
) -> Trial:
    """Write for so long while the plan of this seed is carried out, and judge.

    Raises:
        ValueError: The stack was not well to begin with.
    """
    started = time.monotonic()
    status = collect_status(paths)
    operator = Operator(status)
    load = Load(status["gateway"], seed, f"chaos-{uuid.uuid4().hex[:8]}", writers)
    faults = Faults(paths, operator, say)
    plan = make_plan(seed, seconds)
    try:
        dead_before = operator.dead_letters()
        load.prepare()
        struck = _rage(load, faults, plan, seconds)
        ended = time.monotonic()
        judge = _Judge(paths, status, operator, load, faults, struck, dead_before, say)
        found, violations = judge.verdict()
    finally:
        load.abandon()
        faults.abandon()
        operator.close()
    over = time.monotonic()
    return Trial(
        seed=seed,
        plan=plan,
        struck=len(struck),
        book=load.book,
        found=found,
        violations=violations,
        quiet_after_s=over - ended,
        took_s=over - started,
    )


def _rage(
    load: Load, faults: Faults, plan: Sequence[Fault], seconds: float
) -> list[Struck]:
    load.start()
    faults.start(plan)
    load.pause(seconds)
    load.stop()
    return faults.stop()


@dataclass(frozen=True)
class _Judge:
    paths: StatePaths
    status: dict[str, Any]
    operator: Operator
    load: Load
    faults: Faults
    struck: Sequence[Struck]
    dead_before: dict[str, int]
    say: Callable[[str], None]

    def verdict(self) -> tuple[Found, list[Violation]]:
        """As soon as nothing is amiss, and a little later; or at the deadline.

        What is late is no violation, so the first look that finds all well
        decides that the work is done; a second one is for what comes twice.
        """
        pause = threading.Event()
        deadline = time.monotonic() + _QUIET_WITHIN_S
        said = ""
        while late := self._look(with_records=False)[1]:
            if time.monotonic() > deadline:
                break
            if said != (said := describe(late[0])):
                self.say(f"        waiting for {said}")
            pause.wait(_LOOK_AGAIN_S)
        pause.wait(_STABLE_S)
        return self._look(with_records=True)

    def _look(self, *, with_records: bool) -> tuple[Found, list[Violation]]:
        """The whole ledger, or only what comes in late; for the latter, what lacks."""
        found = self._found(with_records=with_records)
        violations = compare(self.load.book, found)
        if not with_records:
            violations = [each for each in violations if each.kind in _LATE]
        return found, violations

    def _found(self, *, with_records: bool) -> Found:
        unsettled = self.operator.unsettled()
        try:
            return self._read(unsettled, with_records=with_records)
        except UnreadableError as error:
            return Found(
                unsettled=[*unsettled, str(error)],
                not_back=self.faults.not_back(self.struck),
            )

    def _read(self, unsettled: list[str], *, with_records: bool) -> Found:
        home = Reader(self.status["gateway"], self.load.tokens[self.load.marker])
        registrations, deliveries = {}, {}
        try:
            records = home.rows() if with_records else {}
            totals = home.totals()
            for write in self._registered():
                reader = Reader(self.status["gateway"], self.load.tokens[write.marker])
                counted = reader.totals().get("auth.org_registered", 0)
                registrations[write.marker] = counted
                deliveries[write.marker] = reader.deliveries()
                reader.close()
        finally:
            home.close()
        mails = self.operator.mails()
        return Found(
            records=records,
            totals=totals,
            deliveries=deliveries,
            registrations=registrations,
            mails={name: mails[f"{name}@chaos.example"] for name in self.load.tokens},
            dead_letters=self._dead_letters(),
            unsettled=unsettled,
            not_back=self.faults.not_back(self.struck),
            log_breaks=self._log_breaks() if with_records else (),
        )

    def _log_breaks(self) -> list[str]:
        return [
            f"{verdict.service}: rows {each.first} to {each.last} {each.problem}"
            for verdict in verify(self.paths)
            for each in verdict.breaks
        ]

    def _registered(self) -> list[Write]:
        return [
            each
            for each in self.load.book
            if each.operation is Operation.REGISTER_ORG and each.outcome is Outcome.MADE
        ]

    def _dead_letters(self) -> list[str]:
        described = []
        for service, count in self.operator.dead_letters().items():
            new = count - self.dead_before.get(service, 0)
            if new > 0:
                letters = self.operator.describe_dead_letters(service)
                described += [f"{new} of {service}", *letters]
        return described


_LATE: Final = frozenset({"event missing", "delivery", "unsettled", "not back"})
