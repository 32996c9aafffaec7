"""What became of records, from their own events.

An event is in its record first, then in the log, so that the record is to be
read before the log is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pymongo.database import Database

from chassis.config import setting
from chassis.context import Context
from chassis.event_log import EVENT_LOG
from chassis.mongo import Document, Index
from chassis.rows import TenantRows
from chassis.vault import SUBJECT_KEYS, Vault

__all__ = ["OPERATION_INDEX", "History"]

# Where operations are asked for by their id.
OPERATION_INDEX: Final = Index(
    (("org_id", 1), ("operation_id", 1), ("aggregate.id", 1), ("sequence", 1))
)
_MOST_VERSIONS: Final = 100
_AT_ONCE: Final = 200
_MOST_OF_OPERATION: Final = 2_000


class History:
    """The logged changes of one organization's records."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._context = context
        self._log = TenantRows(database[EVENT_LOG.name], context)
        self._vault_rows = database[SUBJECT_KEYS.name]

    def has_own_event(self, record_id: str) -> bool:
        """Whether this very step of the operation is in the log already."""
        event = {
            "aggregate.id": record_id,
            "operation_id": self._context.operation_id,
            "step": self._context.part,
        }
        return self._log.find_one(event) is not None

    def own_events(self, record_ids: Sequence[str]) -> set[str]:
        """Of which of these records this very step is in the log already."""
        events = {
            "aggregate.id": {"$in": list(record_ids)},
            "operation_id": self._context.operation_id,
            "step": self._context.part,
        }
        rows = self._log.find(events, [("aggregate.id", 1)], len(record_ids))
        return {row["aggregate"]["id"] for row in rows}

    def of_operation(
        self, operation_id: str, beyond: str, limit: int
    ) -> list[Document]:
        """An operation's events in the log, by record and in order, with changes.

        A collection whose operations are asked for has an index that leads
        to them (``OPERATION_INDEX``).

        Args:
            operation_id: Which one.
            beyond: The record's id behind which to begin; "" for the first.
            limit: The most there are to be.
        """
        asked = {"operation_id": operation_id, "aggregate.id": {"$gt": beyond}}
        order = [("aggregate.id", 1), ("sequence", 1)]
        return self.readable(self._log.find(asked, order, limit))

    def of_records(
        self, operation_id: str, record_ids: Sequence[str]
    ) -> list[Document]:
        """An operation's events of some hundred records, by record and in order."""
        asked = {"operation_id": operation_id, "aggregate.id": {"$in": record_ids}}
        order = [("aggregate.id", 1), ("sequence", 1)]
        return self.readable(self._log.find(asked, order, _MOST_OF_OPERATION))

    def count_operation(self, operation_id: str, cap: int) -> int:
        """How many events the log has of an operation, at most one beyond the cap."""
        asked = {"operation_id": operation_id}
        return self._log.count(asked, cap, keys=OPERATION_INDEX.keys)

    def page(
        self,
        document: Document,
        limit: int,
        *,
        beyond: int | None = None,
        is_backwards: bool = True,
    ) -> list[Document]:
        """Events of a record in order, with their changes.

        Args:
            document: The record as stored, read before this is called.
            limit: The most there are to be.
            beyond: The sequence number behind which the page begins.
            is_backwards: Whether the latest event comes first.
        """
        way, side = (-1, "$lt") if is_backwards else (1, "$gt")
        asked: Document = {"aggregate.id": document["_id"]}
        if beyond is not None:
            asked["sequence"] = {side: beyond}
        found = {
            row["sequence"]: row
            for row in self._log.find(asked, [("sequence", way)], limit)
        }
        for row in _waiting(document):
            place = row["sequence"]
            if beyond is None or (place < beyond if is_backwards else place > beyond):
                found.setdefault(place, row)
        chosen = sorted(found, reverse=is_backwards)[:limit]
        return self.readable([found[place] for place in chosen])

    def backwards(self, document: Document) -> Iterator[Document]:
        """The events of a record, the latest first, read as they are needed."""
        beyond: int | None = None
        while rows := self.page(document, _AT_ONCE, beyond=beyond):
            yield from rows
            beyond = rows[-1]["sequence"]

    def readable(self, rows: Sequence[Document]) -> list[Document]:
        """Events with their personal changes decrypted.

        Values of a person who was erased are null, and the change says
        ``is_erased``.
        """
        vault = Vault(self._vault_rows, setting("VAULT_KEY"))
        keys = vault.find_keys({row["subject_id"] for row in rows if "sealed" in row})
        return [{**row, "changes": _changes(row, vault, keys)} for row in rows]

    def clashes(
        self, document: Document, changes: Mapping[str, Any], version: int
    ) -> dict[str, dict[str, Any]]:
        """Which of ``changes`` concern fields that changed since ``version``.

        Returns:
            ``{field: {"original", "current", "yours"}}`` in JSON primitives.
            Where nobody can tell any more what changed, all of them clash and
            their originals are null.
        """
        originals = self._originals(document, version)
        return {
            name: {
                "original": None if originals is None else originals[name],
                "current": change["from"],
                "yours": change["to"],
            }
            for name, change in changes.items()
            if originals is None or name in originals
        }

    def _originals(self, document: Document, version: int) -> dict[str, Any] | None:
        """What the fields that changed since ``version`` were at it.

        Args:
            document: The record as stored, read before this is called: an
                event leaves it only when the log has it.
            version: An earlier version of it.

        Returns:
            JSON primitives by field; None where that cannot be told any more,
            because it lies too far back or a version announced no event.
        """
        missing = set(range(version + 1, document["version"] + 1))
        if not missing or len(missing) > _MOST_VERSIONS:
            return None
        rows = {row.get("record_version"): row for row in _waiting(document)}
        if missing - rows.keys():
            logged = self._logged(document["_id"], version)
            rows |= {row["record_version"]: row for row in logged}
        if missing - rows.keys():
            return None
        return _first_values(self.readable([rows[each] for each in sorted(missing)]))

    def _logged(self, record_id: str, version: int) -> list[Document]:
        return self._log.find(
            {"aggregate.id": record_id, "record_version": {"$gt": version}},
            [("sequence", 1)],
            _MOST_VERSIONS,
        )


def _waiting(document: Document) -> list[Document]:
    """The events that are still in the record, as the log will have them."""
    return [
        {**event, "_id": event["id"]}
        for event in document.get("pending_events", ())
        # Of what else it is part of there are events as well.
        if event["aggregate"]["id"] == document["_id"]
    ]


def _first_values(rows: Iterable[Document]) -> dict[str, Any]:
    originals: dict[str, Any] = {}
    for row in rows:
        for name, change in row["changes"].items():
            originals.setdefault(name, change["from"])
    return originals


def _changes(row: Document, vault: Vault, keys: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = dict(row["changes"])
    if "sealed" not in row:
        return changes
    key = keys.get(row["subject_id"])
    if key is None:
        erased = {"from": None, "to": None, "is_erased": True}
        changed = row["data"].get("changed", row["personal"])
        names = [name for name in row["personal"] if name in changed]
        return {**changes, **dict.fromkeys(names, erased)}
    private: dict[str, Any] = vault.decrypt(key, row["sealed"], row["_id"])
    return changes | private
