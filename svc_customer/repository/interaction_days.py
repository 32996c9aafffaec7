"""How many interactions each record had, by day: counted once, and exactly.

Every interaction keeps beside it what it was counted as. Counting one means to
compare that with what it is now and to add the difference, in one transaction:
so it does not matter how often it is asked for, in which order, or where a
process died meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from bson import Decimal128
from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from chassis.context import Context
from chassis.mongo import Collection, Document, Index
from svc_customer.domain.interaction_days import (
    Contribution,
    Counted,
    Day,
    Differences,
    differences,
)
from svc_customer.repository.interactions import INTERACTIONS

__all__ = ["BY_DAY", "BY_RECORD", "BY_TYPE", "INTERACTION_DAYS", "InteractionDays"]


def _by(*fields: str) -> Index:
    names = ("org_id", *fields, "count", "amount_base")
    return Index(tuple((name, 1) for name in names))


BY_TYPE: Final = _by("resource", "type", "day", "record_id")
BY_DAY: Final = _by("resource", "day", "record_id")
BY_RECORD: Final = _by("record_id", "type", "day")
INTERACTION_DAYS: Final = Collection("interaction_days", (BY_TYPE, BY_DAY, BY_RECORD))
_NEEDED: Final = (
    "org_id",
    "contact_id",
    "account_id",
    "type",
    "occurred_at",
    "amount",
    "archived_at",
    "counted",
)
_REFERENCES: Final = {"contacts": "contact_id", "accounts": "account_id"}


class InteractionDays:
    """Counts interactions of all organizations."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._database = database
        self._context = context

    def count(self, interaction_ids: Iterable[str]) -> dict[str, set[Counted]]:
        """Let these interactions be counted as what they are; all or none.

        Returns:
            The records that each is counted for, whether or not anything new
            was to be counted, and those that it was counted for before.

        Raises:
            PyMongoError: Nothing was counted.
        """
        ids = list(interaction_ids)
        if not ids:
            return {}

        def fold(session: ClientSession) -> dict[str, set[Counted]]:
            rows = self._database[INTERACTIONS.name].find(
                {"_id": {"$in": ids}}, dict.fromkeys(_NEEDED, 1), session=session
            )
            pairs = [(row["_id"], _before(row), _after(row)) for row in rows]
            changed = [pair for pair in pairs if pair[1] != pair[2]]
            if changed:
                self._mark([(each, after) for each, _, after in changed], session)
                self._add(differences(pair[1:] for pair in changed), session)
            return {
                each: {
                    record
                    for contribution in both
                    if contribution is not None
                    for record in contribution.records
                }
                for each, *both in pairs
            }

        with self._database.client.start_session() as session:
            return session.with_transaction(fold)

    def _mark(
        self, counted: Sequence[tuple[str, Contribution | None]], session: ClientSession
    ) -> None:
        """Note what the interactions are counted as; a row is locked from here on."""
        self._database[INTERACTIONS.name].bulk_write(
            [
                UpdateOne({"_id": each}, {"$set": {"counted": _stored(contribution)}})
                for each, contribution in counted
            ],
            ordered=False,
            session=session,
        )

    def _add(self, found: Differences, session: ClientSession) -> None:
        days = self._database[INTERACTION_DAYS.name]
        days.bulk_write(
            [_addition(day, count, found.amounts[day]) for day, count in _some(found)],
            ordered=False,
            session=session,
        )
        emptied = [_key(day) for day, count in found.counts.items() if count < 0]
        if emptied:
            nothing = {"_id": {"$in": emptied}, "count": 0}
            days.delete_many(nothing, session=session)
        for resource in _REFERENCES:
            updates = list(self._totals(resource, found, session))
            if updates:
                self._database[resource].bulk_write(
                    updates, ordered=False, session=session
                )

    def _totals(
        self, resource: str, found: Differences, session: ClientSession
    ) -> Iterator[UpdateOne]:
        for record, count in found.totals.items():
            if record.resource != resource:
                continue
            # Whoever judged the record by what was counted looks again.
            update: Document = {
                "$inc": {"interaction_count": count, "counts_seen": 1},
                "$set": {"counted_at": self._context.now()},
            }
            if record in found.reduced:
                latest = self._latest(record, session)
                update["$set"]["last_interaction_at"] = latest
            else:
                update["$max"] = {"last_interaction_at": found.latest[record]}
            conditions = {"_id": record.record_id, "org_id": record.org_id}
            yield UpdateOne(conditions, update)

    def _latest(self, record: Counted, session: ClientSession) -> Any:
        row = self._database[INTERACTIONS.name].find_one(
            {
                "org_id": record.org_id,
                _REFERENCES[record.resource]: record.record_id,
                "is_live": True,
            },
            {"occurred_at": 1},
            sort=[("occurred_at", -1)],
            session=session,
        )
        return None if row is None else row["occurred_at"]


def _some(found: Differences) -> Iterator[tuple[Day, int]]:
    """The days of which something changes; an edit may leave both as they were."""
    return (each for each in found.counts.items() if each[1] or found.amounts[each[0]])


def _addition(day: Day, count: int, amount: Decimal) -> UpdateOne:
    record = day.record
    return UpdateOne(
        {"_id": _key(day)},
        {
            "$inc": {"count": count, "amount_base": Decimal128(amount)},
            "$setOnInsert": {
                "org_id": record.org_id,
                "resource": record.resource,
                "record_id": record.record_id,
                "type": day.type,
                "day": day.day,
                "schema_version": 1,
            },
        },
        upsert=True,
    )


def _key(day: Day) -> str:
    return f"{day.record.record_id}:{day.type}:{day.day}"


def _after(row: Mapping[str, Any]) -> Contribution | None:
    """What an interaction counts as."""
    if row["archived_at"] is not None:
        return None
    amount = (row.get("amount") or {}).get("amount_base")
    return _contribution({**row, "amount": amount})


def _before(row: Mapping[str, Any]) -> Contribution | None:
    """What an interaction was counted as."""
    counted = row.get("counted")
    return None if counted is None else _contribution({**row, **counted})


def _contribution(values: Mapping[str, Any]) -> Contribution:
    amount = values["amount"]
    return Contribution(
        org_id=values["org_id"],
        contact_id=values["contact_id"],
        account_id=values["account_id"],
        type=values["type"],
        occurred_at=values["occurred_at"],
        amount=Decimal(0) if amount is None else amount.to_decimal(),
    )


def _stored(contribution: Contribution | None) -> Document | None:
    if contribution is None:
        return None
    return {
        "contact_id": contribution.contact_id,
        "account_id": contribution.account_id,
        "type": contribution.type,
        "occurred_at": contribution.occurred_at,
        "amount": Decimal128(contribution.amount),
    }
