"""Who is in which segment: kept in the records themselves.

A record has the keys of the segments it is in, so that the members of one are a
list of records like any other, by an index and by the caller's rights. That a
record comes or goes is one write with the event that tells of it, made on the
strength of what was looked at: where that has changed meanwhile, it is looked at
again.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pymongo.database import Database

from chassis.context import Context
from chassis.errors import UnavailableError
from chassis.events import envelope
from chassis.fields import Clock, Field
from chassis.ids import derive_id, new_id
from chassis.many import ManyRepository
from chassis.mongo import Document
from chassis.repository import PENDING_CAP
from chassis.rows import TenantRows
from svc_customer.domain.memberships import untold
from svc_customer.domain.segments import Segment
from svc_customer.repository.accounts import AccountRepository
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.interaction_days import INTERACTION_DAYS
from svc_customer.repository.records import LIVE, SEGMENT_INDEX
from svc_customer.repository.segment_conditions import (
    Compiler,
    DaySums,
    Holding,
    names_in,
)
from svc_customer.repository.segment_moves import (
    CHANGED,
    Move,
    Plan,
    concerned,
    move_of,
)
from svc_customer.repository.segments import SegmentRepository

__all__ = ["READERS", "Memberships"]

READERS: Final[Mapping[str, type[ManyRepository[Any]]]] = {
    "accounts": AccountRepository,
    "contacts": ContactRepository,
}
_NOUNS: Final = {"accounts": "account", "contacts": "contact"}
# What a judgment rests on: if all of it is as it was, so is the judgment.
_SEEN: Final = ("version", "counts_seen", "membership_sequence")
_NEEDED: Final = (*_SEEN, *CHANGED, "segment_keys", "owner_id", "acl")
_ATTEMPTS: Final = 5
_MOST: Final = 2_000


# From rows to what the record of each fits.
_Judge = Callable[[Sequence[Document]], Mapping[str, Sequence[Plan]]]


class Memberships:
    """Members of one organization's segments of one kind of records."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._context = context
        self._readers = {
            resource: reader(database, context) for resource, reader in READERS.items()
        }
        self._records = {
            resource: TenantRows(database[resource], context) for resource in READERS
        }
        self._days = TenantRows(database[INTERACTION_DAYS.name], context)
        self._segments = SegmentRepository(database, context)

    def evaluate(
        self,
        resource: str,
        records: Mapping[str, Context],
        plans: Sequence[Plan],
        segments: Mapping[str, Segment],
        now: datetime,
    ) -> set[str]:
        """Let records be in those of the plans' segments whose definition they fit.

        Again after it was cut short, it does what is left. It ends where a build of
        one of the segments has come further than the plans know.

        Args:
            resource: Of the records and of all the plans.
            records: The ids of two thousand at most, each with the context of
                what had it looked at, which its events tell.
            plans: The segments in question; others are left alone.
            segments: The organization's live segments, by id.
            now: As of when.

        Returns:
            The ids of the records that came or went.

        Raises:
            UnavailableError: ``outbox_full``, or others change the records
                faster than they can be looked at.
        """

        def judge(rows: Sequence[Document]) -> Mapping[str, Sequence[Plan]]:
            ids = [row["_id"] for row in rows]
            sums = DaySums(self._days, ids, now.date())
            fitting: dict[str, list[Plan]] = {each: [] for each in ids}
            for plan in plans:
                if plan.node is not None:
                    compiler = self._compiler(plan, segments, now, sums.holding)
                    asked = compiler.condition(plan.node)
                    for each in self._matching(resource, ids, asked):
                        fitting[each].append(plan)
            return fitting

        return self._settle(
            resource, records, plans, judge, lambda: self._are_current(plans)
        )

    def _are_current(self, plans: Sequence[Plan]) -> bool:
        """Whether no build has begun, been completed or told of since.

        Asked once the records have been seen: of whom a build is told behind that,
        another version is stored.
        """
        known = {plan.segment.id: plan.segment.stage for plan in plans}
        return all(
            stage == known[segment_id]
            for segment_id, stage in self._segments.stages(known).items()
        )

    def check(self, plan: Plan, segments: Mapping[str, Segment], now: datetime) -> None:
        """Refuse a plan that nobody can be looked at for.

        Raises:
            InvalidInputError: ``definition_outdated``.
        """
        if plan.node is not None:
            compiler = self._compiler(plan, segments, now, lambda _: {})
            compiler.condition(plan.node)

    def fields_of(self, plan: Plan) -> Mapping[str, Field]:
        """Those by which the records of a plan are looked for."""
        asked = [] if plan.node is None else names_in(plan.node)
        return self._readers[plan.segment.resource].fields_for(asked)

    def _compiler(
        self,
        plan: Plan,
        segments: Mapping[str, Segment],
        now: datetime,
        holding: Holding,
    ) -> Compiler:
        return Compiler(
            fields=self.fields_of(plan),
            clock=Clock.of(now, plan.segment),
            segments=segments,
            holding=holding,
        )

    def unsettled(self, segment: Segment, limit: int) -> list[str]:
        """Records that have to do with a build before the one that is shown.

        Or of which it is to be told that they came by this one.
        """
        older = _between(f"{segment.id}.", segment.key)
        found = self._having(segment, older, limit)
        return found or self._having(segment, untold(segment.key), limit)

    def _having(self, segment: Segment, key: Any, limit: int) -> list[str]:
        """Some records with such a key, archived ones included."""
        rows = self._records[segment.resource].find(
            {"segment_keys": key}, [], limit, only=("_id",), keys=SEGMENT_INDEX.keys
        )
        return [row["_id"] for row in rows]

    def settle(self, segment: Segment, records: Mapping[str, Context]) -> None:
        """Tell who came by the build that is shown, and who went; each once.

        Raises:
            UnavailableError: As ``evaluate``.
        """
        plan = Plan(segment)

        def judge(rows: Sequence[Document]) -> Mapping[str, Sequence[Plan]]:
            return {
                row["_id"]: [plan] if plan.key in row.get("segment_keys", ()) else []
                for row in rows
            }

        self._settle(segment.resource, records, [plan], judge)

    def is_backed_up(self, resource: str) -> bool:
        """Whether so many events wait for the relay that others would wait long."""
        return self._readers[resource].is_backed_up()

    def put(
        self, segment: Segment, record_ids: Sequence[str], *, is_in: bool
    ) -> set[str]:
        """Let records be in a manual segment, or not; which of them were not so.

        Raises:
            UnavailableError: As ``evaluate``.
        """
        plan = Plan(segment)

        def judge(rows: Sequence[Document]) -> Mapping[str, Sequence[Plan]]:
            return {row["_id"]: [plan] if is_in else [] for row in rows}

        records = dict.fromkeys(record_ids, self._context)
        return self._settle(segment.resource, records, [plan], judge)

    def _settle(
        self,
        resource: str,
        records: Mapping[str, Context],
        plans: Sequence[Plan],
        judge: _Judge,
        are_current: Callable[[], bool] = lambda: True,
    ) -> set[str]:
        wanted, moved = list(records), set[str]()
        for _ in range(_ATTEMPTS):
            rows = self._seen(resource, wanted)
            fitting = judge(rows)
            moves = [
                move
                for row in rows
                if (
                    move := move_of(
                        row, records[row["_id"]], fitting[row["_id"]], plans
                    )
                )
            ]
            if not (moves and are_current()):
                return moved
            wanted = [move.row["_id"] for move in moves]
            moved |= set(wanted)
            segment_ids = concerned(moves)
            self._segments.expect_recount(segment_ids, self._context.now())
            changes = [self._change(resource, move) for move in moves]
            count = self._records[resource].update_each(changes)
            # They may have been counted before that.
            self._segments.expect_recount(segment_ids, self._context.now())
            if count == len(changes):
                return moved
        raise UnavailableError("outbox_full", "Too many changes or events of them.")

    def _seen(self, resource: str, record_ids: Sequence[str]) -> list[Document]:
        return self._records[resource].find(
            {"_id": {"$in": list(record_ids)}}, [("_id", 1)], _MOST, only=_NEEDED
        )

    def _matching(
        self, resource: str, record_ids: Sequence[str], asked: Document
    ) -> list[str]:
        conditions = {**LIVE, "_id": {"$in": list(record_ids)}, "$and": [asked]}
        rows = self._records[resource].find(
            conditions, [("_id", 1)], _MOST, only=("_id",), keys=(("_id", 1),)
        )
        return [row["_id"] for row in rows]

    def _change(self, resource: str, move: Move) -> tuple[Document, list[Document]]:
        """The write by which a record comes and goes, if all is as it was seen."""
        row = move.row
        told = self._told(resource, move)
        conditions = {
            "_id": row["_id"],
            **{name: row.get(name) for name in _SEEN},
            # What is not told of changes keys, and no number.
            "$and": _having_only(move.had, move.lacked),
            f"pending_events.{PENDING_CAP - len(told) - 1}": {"$exists": False},
        }
        have: Document = {"$ifNull": ["$segment_keys", []]}
        stay: Document = {"$setDifference": [have, _literal(move.gone)]}
        changed: Document = {
            "segment_keys": {"$setUnion": [stay, _literal(move.come)]},
            "membership_sequence": row.get("membership_sequence", 0) + len(told),
        }
        now = self._context.now()
        if told:
            waiting = {"$ifNull": ["$pending_events", []]}
            changed["pending_events"] = {"$concatArrays": [waiting, {"$literal": told}]}
            changed["pending_at"] = {"$ifNull": ["$pending_at", now]}
        if any(plan.segment.is_manual for plan in move.plans):
            changed["moved_at"] = now
        return conditions, [{"$set": changed}]

    def _told(self, resource: str, move: Move) -> list[Document]:
        """The events of a move, as they wait in the record to be relayed.

        Memberships of a record are an aggregate of their own: a record's
        version and sequence count what people change.
        """
        row = move.row
        aggregate_id = derive_id(row["_id"], "memberships")
        sequence: int = row.get("membership_sequence", 0)
        # Not what a person's request did, nor to be undone with it.
        context = replace(move.context, operation_id=new_id())
        visibility = {"owner_id": row["owner_id"], "acl": row["acl"]}
        self._context.has_events = self._context.has_events or bool(move.told)
        return [
            {
                **envelope(
                    event,
                    {"type": f"{_NOUNS[resource]}_membership", "id": aggregate_id},
                    sequence + place,
                    visibility,
                    context,
                ),
                "changes": {},
                "personal": [],
                "subject_id": None,
                "record_version": None,
                "step": None,
            }
            for place, event in enumerate(move.told, 1)
        ]

    def walk(
        self, resource: str, after: Sequence[Any] | None, limit: int
    ) -> tuple[list[str], list[Any] | None]:
        """The next live records in the order in which they were made.

        Returns:
            Their ids, and behind which the next ones are; None at the end.
        """
        conditions: Document = dict(LIVE)
        if after is not None:
            created_at, record_id = after
            conditions["$or"] = [
                {"created_at": created_at, "_id": {"$gt": record_id}},
                {"created_at": {"$gt": created_at}},
            ]
            conditions["created_at"] = {"$gte": created_at}
        rows = self._records[resource].find(
            conditions,
            [("created_at", 1), ("_id", 1)],
            limit,
            only=("_id", "created_at"),
        )
        if len(rows) < limit:
            return [row["_id"] for row in rows], None
        return [row["_id"] for row in rows], [rows[-1]["created_at"], rows[-1]["_id"]]

    def count(self, segment: Segment, key: str) -> int:
        """How many live members a build of a segment has."""
        asked = {**LIVE, "segment_keys": key}
        return self._records[segment.resource].count(asked, cap=_EVERYBODY)

    def clear(self, segment: Segment, before: str, limit: int) -> int:
        """Take keys of a segment's builds out of some records, silently.

        Args:
            segment: Whose.
            before: All keys that sort before this one.
            limit: How many records at most.

        Returns:
            How many records there were; less than the limit at the end.
        """
        older = _between(f"{segment.id}.", before)
        ids = self._having(segment, older, limit)
        self._records[segment.resource].update_all(
            {"_id": {"$in": ids}}, {"$pull": {"segment_keys": older["$elemMatch"]}}
        )
        return len(ids)

    def segments_of(self, resource: str, record_ids: Sequence[str]) -> set[str]:
        """The ids of all segments that these records are in."""
        return {
            key.partition(".")[0]
            for row in self._seen(resource, record_ids)
            for key in row.get("segment_keys", ())
        }


# Nobody has so many.
_EVERYBODY: Final = 2**31 - 2


def _between(first: str, behind: str) -> Document:
    """A key from the first one on, and before another."""
    return {"$elemMatch": {"$gte": first, "$lt": behind}}


def _having_only(had: AbstractSet[str], lacked: AbstractSet[str]) -> list[Document]:
    """What is asked of a record that still has these keys, and not those."""
    asked: list[Document] = [{"segment_keys": {"$nin": sorted(lacked)}}]
    return [*asked, {"segment_keys": {"$all": sorted(had)}}] if had else asked


def _literal(keys: AbstractSet[str]) -> Document:
    return {"$literal": sorted(keys)}
