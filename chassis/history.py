"""What became of a record after a version of it, from its own event log."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pymongo.database import Database

from chassis.config import setting
from chassis.context import Context
from chassis.mongo import Document
from chassis.outbox import EVENT_LOG
from chassis.rows import TenantRows
from chassis.vault import SUBJECT_KEYS, Vault

__all__ = ["History"]

_MOST_VERSIONS: Final = 100


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
            "step": self._context.step,
        }
        return self._log.find_one(event) is not None

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
        waiting = [
            {**event, "_id": event["id"]}
            for event in document.get("pending_events", ())
        ]
        rows = {row.get("record_version"): row for row in waiting}
        if missing - rows.keys():
            logged = self._logged(document["_id"], version)
            rows |= {row["record_version"]: row for row in logged}
        if missing - rows.keys():
            return None
        return self._first_values([rows[each] for each in sorted(missing)])

    def _logged(self, record_id: str, version: int) -> list[Document]:
        return self._log.find(
            {"aggregate.id": record_id, "record_version": {"$gt": version}},
            [("sequence", 1)],
            _MOST_VERSIONS,
        )

    def _first_values(self, rows: Iterable[Document]) -> dict[str, Any]:
        originals: dict[str, Any] = {}
        for row in rows:
            for name, change in self._changes(row).items():
                originals.setdefault(name, change["from"])
        return originals

    def _changes(self, row: Document) -> Mapping[str, Any]:
        """An event's changes; values of a person who was erased are null."""
        changes: dict[str, Any] = dict(row["changes"])
        sealed = row.get("sealed")
        if sealed is None:
            return changes
        vault = Vault(self._vault_rows, setting("VAULT_KEY"))
        key = vault.find_key(row["subject_id"])
        if key is None:
            erased = {"from": None, "to": None}
            return {**changes, **dict.fromkeys(row["personal"], erased)}
        private: dict[str, Any] = vault.decrypt(key, sealed, row["_id"])
        return changes | private
