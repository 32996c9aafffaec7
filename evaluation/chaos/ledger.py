"""Was everything that was promised done, once: answers against what there is.

All of it is pure; ``reading`` looks up what there is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from evaluation.chaos.writes import Answer, Operation, Outcome, Write

__all__ = [
    "Delivery",
    "Found",
    "Row",
    "Violation",
    "compare",
    "describe",
    "expected_events",
]

_CREATED: Final[Mapping[Operation, str]] = {
    Operation.CREATE_CONTACT: "contacts",
    Operation.CREATE_ACCOUNT: "accounts",
    Operation.CREATE_INTERACTION: "interactions",
    Operation.CREATE_LEAD: "leads",
}
_CONVERTED: Final[Mapping[str, str]] = {
    "accounts": "account_id",
    "contacts": "contact_id",
    "opportunities": "opportunity_id",
}
_EVENTS: Final[Mapping[Operation, Sequence[str]]] = {
    Operation.CREATE_CONTACT: ("customer.contact_created",),
    Operation.CREATE_ACCOUNT: ("customer.account_created",),
    Operation.CREATE_INTERACTION: ("customer.interaction_recorded",),
    Operation.UPDATE_CONTACT: ("customer.contact_updated",),
    Operation.CREATE_LEAD: ("sales.lead_created",),
    Operation.QUALIFY_LEAD: ("sales.lead_qualified",),
    Operation.CONVERT_LEAD: (
        "sales.lead_converted",
        "sales.opportunity_created",
        "customer.account_created",
        "customer.contact_created",
        # What svc_customer notes of either of the first two.
        "customer.interaction_recorded",
        "customer.interaction_recorded",
    ),
    # Counted in the new organization, not in the one that is looked at.
    Operation.REGISTER_ORG: (),
}
_LEAD_STATUS: Final[Mapping[Operation, str]] = {
    Operation.QUALIFY_LEAD: "qualified",
    Operation.CONVERT_LEAD: "converted",
}
# The second: its sender died while sending, and says so instead of guessing.
_FINAL_STATUSES: Final = frozenset({"sent", "unknown"})


@dataclass(frozen=True)
class Row:
    """A record as it is listed.

    Attributes:
        marker: Names the write that made it.
        state: What the last change left: a contact's job title, a lead's status.
    """

    id: str
    marker: str
    version: int = 1
    state: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A message to an organization's owner."""

    template: str
    status: str


@dataclass(frozen=True)
class Found:
    """What there is when all is quiet.

    Attributes:
        records: By plural noun.
        totals: Of events, in the run's organization.
        deliveries: By the marker of the registration.
        registrations: The events of each new organization, by the same.
        mails: Messages that arrived, by the same.
        dead_letters: New ones, described.
        unsettled: What had not come to rest when patience was over.
        not_back: Processes that did not come back by themselves.
        log_breaks: Where an event log is not what was written.
    """

    records: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    deliveries: Mapping[str, Sequence[Delivery]] = field(default_factory=dict)
    registrations: Mapping[str, int] = field(default_factory=dict)
    mails: Mapping[str, int] = field(default_factory=dict)
    dead_letters: Sequence[str] = ()
    unsettled: Sequence[str] = ()
    not_back: Sequence[str] = ()
    log_breaks: Sequence[str] = ()


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept.

    Attributes:
        kind: One of few; the columns of the table.
        subject: The key, id or name to look for in the logs.
    """

    kind: str
    subject: str
    detail: str


@dataclass(frozen=True)
class _Wanted:
    write: Write
    record_id: str
    is_certain: bool


def compare(writes: Iterable[Write], found: Found) -> list[Violation]:
    """Everything that is not as it was answered; nothing if all is well."""
    book = list(writes)
    checks: Sequence[Callable[[list[Write], Found], Iterator[Violation]]] = (
        _check_answers,
        _check_records,
        _check_updates,
        _check_leads,
        _check_events,
        _check_deliveries,
        _check_rest,
    )
    return [violation for check in checks for violation in check(book, found)]


# A registration that is tried again makes nothing twice, but logs in again.
_BY_ATTEMPT: Final = frozenset({"auth.session_started"})


def describe(violation: Violation) -> str:
    """One line about a violation, with what to look for in the logs."""
    return f"{violation.kind}: {violation.subject} {violation.detail}".rstrip()


def expected_events(writes: Iterable[Write]) -> dict[str, tuple[int, int]]:
    """How many events of each name there must be, at least and at most.

    The two differ by what is stuck: nobody knows whether it was done.
    """
    least: Counter[str] = Counter(
        ["auth.org_registered", "auth.member_joined", "auth.session_started"]
    )
    most = least.copy()
    for write in writes:
        for name in _EVENTS[write.operation]:
            least[name] += write.outcome is Outcome.MADE
            most[name] += write.outcome in {Outcome.MADE, Outcome.STUCK}
    return {name: (least[name], most[name]) for name in most}


def _check_answers(writes: list[Write], _found: Found) -> Iterator[Violation]:
    for write in writes:
        last = str(write.answers[-1]) if write.answers else "no attempt"
        if write.outcome in {Outcome.STUCK, Outcome.PENDING}:
            yield _of(write, "stuck", f"after {len(write.answers)} attempts: {last}")
        if write.outcome is Outcome.REFUSED:
            yield _of(write, "refused", last)
        for answer in write.answers:
            yield from _check_answer(write, answer)
        if write.repetition is not None:
            yield from _check_repetition(write, write.repetition)


def _check_answer(write: Write, answer: Answer) -> Iterator[Violation]:
    if answer.took_s > write.bound_s or answer.status == "silent":
        detail = f"{answer} after {answer.took_s:.1f} s {answer.request_id}"
        yield _of(write, "slow", detail)
    if answer.status == "500":
        yield _of(write, "internal error", f"{answer} {answer.request_id}")


def _check_repetition(write: Write, again: Answer) -> Iterator[Violation]:
    if not again.is_success:
        yield _of(write, "not replayed", f"the same key again: {again}")
    elif again.document.get("id") != write.result.get("id"):
        yield _of(write, "doubled", "the same key again answered another id")
    elif not again.is_replayed:
        yield _of(write, "not replayed", "no Idempotency-Replayed")


def _wanted(writes: list[Write]) -> dict[tuple[str, str], list[_Wanted]]:
    """The records that there should be, by noun and marker."""
    wanted: dict[tuple[str, str], list[_Wanted]] = defaultdict(list)
    for write in writes:
        if write.outcome is Outcome.REFUSED:
            continue
        is_certain = write.outcome is Outcome.MADE
        ids: Mapping[str, str] = {}
        if write.operation is Operation.CONVERT_LEAD:
            ids = _CONVERTED
        elif write.operation in _CREATED:
            ids = {_CREATED[write.operation]: "id"}
        for plural, name in ids.items():
            each = _Wanted(write, str(write.result.get(name)), is_certain)
            wanted[plural, write.marker].append(each)
    return wanted


def _check_records(writes: list[Write], found: Found) -> Iterator[Violation]:
    there: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for plural, rows in found.records.items():
        for row in rows:
            there[plural, row.marker].append(row)
    wanted = _wanted(writes)
    for place, (each, *_) in wanted.items():
        yield from _check_record(place[0], each, there.get(place, []))
    for (plural, marker), rows in there.items():
        if (plural, marker) not in wanted:
            ids = ", ".join(row.id for row in rows)
            yield Violation("doubled", marker, f"{plural} nobody asked for: {ids}")


def _check_record(plural: str, wanted: _Wanted, rows: list[Row]) -> Iterator[Violation]:
    write, ids = wanted.write, [row.id for row in rows]
    if len(rows) > 1:
        yield _of(write, "doubled", f"{plural}: {', '.join(ids)}")
    if wanted.is_certain and wanted.record_id not in ids:
        detail = f"{plural}: {wanted.record_id} is not among {ids}"
        yield _of(write, "lost", detail)


def _check_updates(writes: list[Write], found: Found) -> Iterator[Violation]:
    updates: dict[str, list[Write]] = defaultdict(list)
    for write in writes:
        if write.operation is Operation.UPDATE_CONTACT:
            updates[write.record_id].append(write)
    for row in found.records.get("contacts", ()):
        yield from _check_versions(row, updates.get(row.id, []))


def _check_versions(row: Row, updates: list[Write]) -> Iterator[Violation]:
    made = [each for each in updates if each.outcome is Outcome.MADE]
    stuck = [each for each in updates if each.outcome is Outcome.STUCK]
    detail = f"contact {row.id} is at version {row.version} after {len(made)} changes"
    if row.version < 1 + len(made):
        yield Violation("lost", row.marker, detail)
    if row.version > 1 + len(made) + len(stuck):
        yield Violation("doubled", row.marker, detail)
    if made and not stuck and not made[-1].is_shared and row.state != made[-1].key:
        yield _of(made[-1], "lost", f"contact {row.id} has {row.state} instead")


def _check_leads(writes: list[Write], found: Found) -> Iterator[Violation]:
    statuses = {row.id: row.state for row in found.records.get("leads", ())}
    last: dict[str, Write] = {}
    for write in writes:
        if write.operation in _LEAD_STATUS:
            last[write.record_id] = write
    for lead_id, write in last.items():
        wanted = _LEAD_STATUS[write.operation]
        if write.outcome is Outcome.MADE and statuses.get(lead_id) != wanted:
            detail = f"lead {lead_id} is {statuses.get(lead_id)}, not {wanted}"
            yield _of(write, "lost", detail)


def _check_events(writes: list[Write], found: Found) -> Iterator[Violation]:
    expected = expected_events(writes)
    for name in sorted(expected.keys() | found.totals.keys()):
        least, most = expected.get(name, (0, 0))
        counted = found.totals.get(name, 0)
        if counted < least:
            yield Violation("event missing", name, f"{counted} of {least} counted")
        if counted > most and name not in _BY_ATTEMPT:
            yield Violation("event doubled", name, f"{counted} counted, not {most}")


def _check_deliveries(writes: list[Write], found: Found) -> Iterator[Violation]:
    for write in writes:
        if write.operation is Operation.REGISTER_ORG and write.outcome is Outcome.MADE:
            yield from _check_registration(write, found)


def _check_registration(write: Write, found: Found) -> Iterator[Violation]:
    counted = found.registrations.get(write.marker, 0)
    if counted != 1:
        kind = "event doubled" if counted else "event missing"
        yield _of(write, kind, f"org_registered counted {counted} times")
    deliveries = found.deliveries.get(write.marker, ())
    if [each.template for each in deliveries] != ["welcome"]:
        yield _of(write, "delivery", f"not one welcome but {list(deliveries)}")
        return
    status, mails = deliveries[0].status, found.mails.get(write.marker, 0)
    is_right = mails == 1 if status == "sent" else mails <= 1
    if status not in _FINAL_STATUSES or not is_right:
        yield _of(write, "delivery", f"{status}, and {mails} mails arrived")


def _check_rest(_writes: list[Write], found: Found) -> Iterator[Violation]:
    for kind, subjects in (
        ("dead letter", found.dead_letters),
        ("unsettled", found.unsettled),
        ("not back", found.not_back),
        ("log broken", found.log_breaks),
    ):
        for subject in subjects:
            yield Violation(kind, subject, "")


def _of(write: Write, kind: str, detail: str) -> Violation:
    return Violation(kind, write.key, f"{write.operation}: {detail}")
