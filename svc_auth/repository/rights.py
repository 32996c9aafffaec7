"""Whose rights changed, from the log of events."""

from datetime import datetime
from typing import Any, Final

from pymongo.database import Database

from chassis.context import Context
from chassis.errors import invalid_input
from chassis.event_log import EVENT_LOG
from chassis.events import wire_time
from chassis.mongo import Document
from chassis.upkeep import RIGHTS_NEWS

__all__ = ["RightsChanges"]

_NAMES: Final = [f"auth.{name}" for name in RIGHTS_NEWS]


class RightsChanges:
    """Changes of rights in all organizations, the latest first.

    What is not in the log yet has not been published either: who listens
    already will hear it.
    """

    def __init__(self, database: Database[Document], _context: Context) -> None:
        self._log = database[EVENT_LOG.name]

    def page(self, earliest: datetime, since: str, limit: int) -> dict[str, Any]:
        """At most ``limit`` of them, and where the next page begins.

        Raises:
            InvalidInputError: ``invalid_position``.
        """
        conditions: Document = {"event": {"$in": _NAMES}}
        if since:
            conditions["position"] = {"$lt": _position(since)}
        rows = list(
            self._log.find(
                conditions,
                {"org_id": 1, "data": 1, "occurred_at": 1, "position": 1},
                sort=[("position", -1)],
                limit=limit,
            )
        )
        recent = [row for row in rows if row["occurred_at"] >= wire_time(earliest)]
        is_more = len(recent) == limit
        return {
            "changes": [
                {
                    "org_id": row["org_id"],
                    "person_id": row["data"].get("person_id"),
                    "at": datetime.fromisoformat(row["occurred_at"]).timestamp(),
                }
                for row in recent
            ],
            "next": str(recent[-1]["position"]) if is_more else None,
        }


def _position(since: str) -> int:
    if since.isascii() and since.isdigit() and len(since) < len(str(2**63)):
        return int(since)
    raise invalid_input(
        [{"field": "since", "code": "invalid_position"}],
        "invalid_position",
        "This is no position that an answer gave.",
    )
