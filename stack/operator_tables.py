"""What operators read: dead letters and outboxes as text and as JSON."""

import base64
import dataclasses
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from stack.dead_letter import DeadLetter
from stack.dead_letters import Listing, Outcome

if TYPE_CHECKING:
    # Brings every service and Nameko along, which dead letters do without.
    from stack.outboxes import OutboxReport, ServiceOutbox

__all__ = [
    "letter_as_json",
    "letter_as_text",
    "line_of",
    "listing_as_json",
    "listing_as_text",
    "outbox_as_text",
    "outcome_as_json",
    "outcome_as_text",
    "printable",
]

_REASON_WIDTH: Final = 60
_NOT_SHOWN: Final = frozenset({"headers", "body"})
_RULE: Final = "  "


def printable(text: object) -> str:
    """Text from a message, unable to do anything to a terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for character in str(text)
    )


def line_of(letter: DeadLetter) -> str:
    """One dead letter in a few words."""
    return printable(
        f"{letter.id}  {letter.event or 'unreadable'}  {letter.queue or 'no queue'}"
    )


def listing_as_text(listing: Listing) -> str:
    """A table, the oldest of each service first."""
    if not listing.letters:
        return "\n".join(["No dead letters.", *_unseen(listing.unseen)])
    rows = [("service", "id", "died", "tries", "event", "queue", "reason")]
    rows += [
        (
            letter.service,
            letter.id,
            _moment(letter.dead_at),
            str(letter.attempts),
            letter.event or "-",
            letter.queue or "-",
            _short(letter.reason),
        )
        for letter in listing.letters
    ]
    return "\n".join([*_table(rows), *_unseen(listing.unseen)])


def listing_as_json(listing: Listing) -> dict[str, Any]:
    """The same for programs; without bodies."""
    return {
        "dead_letters": [_summary(letter) for letter in listing.letters],
        "not_looked_at": dict(listing.unseen),
    }


def letter_as_text(letter: DeadLetter) -> str:
    """Everything about one, its body readable if it can be."""
    lines = [
        f"{name:<10}{printable(value)}"
        for name, value in _summary(letter).items()
        if value is not None
    ]
    lines += ["headers", *_indented(json.dumps(_safe(letter.headers), indent=2))]
    lines += ["body", *_indented(_body_as_text(letter.body))]
    return "\n".join(lines)


def letter_as_json(letter: DeadLetter) -> dict[str, Any]:
    """The same for programs; the body is text, or base64 if it is not UTF-8."""
    try:
        body = {"body": letter.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(letter.body).decode()}
    return {**_summary(letter), "headers": _safe(letter.headers), **body}


def outcome_as_text(outcome: Outcome) -> str:
    """How many, and which were kept."""
    lines = [f"{len(outcome.done)} {outcome.verb}."]
    lines += [
        f"kept  {line_of(letter)}: {printable(why)}" for letter, why in outcome.kept
    ]
    return "\n".join([*lines, *_unseen(outcome.unseen)])


def outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    """The same for programs."""
    return {
        outcome.verb: [_address(letter) for letter in outcome.done],
        "kept": [{**_address(letter), "why": why} for letter, why in outcome.kept],
        "not_looked_at": dict(outcome.unseen),
    }


def outbox_as_text(report: "OutboxReport") -> str:
    """A table of outboxes, one of queues, and what is wrong."""
    outboxes = [
        (
            *("service", "pending", "oldest", "logged", "unpublished", "oldest"),
            *("relay", "epoch", "held"),
        ),
        *(_outbox_row(each) for each in report.services),
    ]
    queues = [
        ("queue", "waiting", "consumers"),
        *(
            (queue.name, _count(queue.messages), str(queue.consumers))
            for service in report.services
            for queue in service.queues
        ),
        *(
            (f"dead-letters-{each.service}", _count(each.dead_letters), "-")
            for each in report.services
        ),
        *((rung.name, _count(rung.messages), "-") for rung in report.rungs),
    ]
    problems = [
        f"! {each.service}: {problem}"
        for each in report.services
        for problem in each.problems
    ]
    last = problems or ["Nothing is stuck."]
    return "\n".join([*_table(outboxes), "", *_table(queues), "", *last])


def _outbox_row(outbox: "ServiceOutbox") -> tuple[str, ...]:
    if not outbox.has_outbox:
        return (outbox.service, *("-",) * 8)
    return (
        outbox.service,
        str(outbox.pending_records),
        _seconds(outbox.oldest_pending_s),
        str(outbox.logged),
        str(outbox.unpublished),
        _seconds(outbox.oldest_unpublished_s),
        (outbox.relay or "nobody").rpartition(":")[0] or "nobody",
        _count(outbox.relay_epoch),
        _seconds(outbox.relay_held_s),
    )


def _table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    clean = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    return [
        _RULE.join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in clean
    ]


def _unseen(unseen: Mapping[str, int]) -> list[str]:
    return [
        f"{count} more of {service} were not looked at: a higher `--limit` takes them "
        "in."
        for service, count in unseen.items()
    ]


def _address(letter: DeadLetter) -> dict[str, str | None]:
    return {"service": letter.service, "id": letter.id, "queue": letter.queue}


def _summary(letter: DeadLetter) -> dict[str, Any]:
    fields = {
        each.name: getattr(letter, each.name)
        for each in dataclasses.fields(letter)
        if each.name not in _NOT_SHOWN
    }
    return {**fields, "dead_at": _moment(letter.dead_at) if letter.dead_at else None}


def _safe(value: Any) -> Any:
    """A header's value in JSON primitives."""
    if isinstance(value, Mapping):
        return {str(name): _safe(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_safe(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _body_as_text(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2)
    except ValueError:
        return body.decode(errors="replace")


def _indented(text: str) -> list[str]:
    return [f"  {printable(line)}" for line in text.splitlines()]


def _short(text: str) -> str:
    return text if len(text) <= _REASON_WIDTH else f"{text[: _REASON_WIDTH - 1]}…"


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else "-"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"
