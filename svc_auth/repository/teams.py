"""Where organizations keep their teams."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.mongo import Collection, Document, Index, by
from chassis.repository import Repository
from svc_auth.domain.teams import MOST_TEAMS, Team

__all__ = ["TEAMS", "TeamRepository"]

TEAMS: Final = Collection(
    "teams",
    (
        PENDING_INDEX,
        # A name is free again when its team is put away.
        Index(
            (("org_id", 1), ("name_key", 1)), is_unique=True, partial={"is_live": True}
        ),
        by("created_at"),
        by("updated_at"),
        by("archived_at"),
        by("folded.name"),
        by("parent_id", "created_at"),
        by("lead_id", "created_at"),
        by("grams", "created_at"),
    ),
)


class TeamRepository(Repository[Team]):
    """Teams of one organization."""

    collection = TEAMS
    noun = "team"
    resource = "teams"
    entity = Team
    fields: ClassVar[Mapping[str, Field]] = {
        "name": Field("text", is_sortable=True),
        "parent_id": Field("id"),
        "lead_id": Field("id"),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "archived_at": Field("datetime"),
    }

    def index_fields(self, entity: Team) -> Document:
        """The name in one spelling."""
        return {"name_key": entity.name.casefold()}

    def has_name(self, name: str) -> bool:
        """Whether a live team is called so, whoever asks."""
        conditions = {"name_key": name.casefold(), "is_live": True}
        return self._rows.find_one(conditions) is not None

    def live_among(self, team_ids: Sequence[str]) -> list[str]:
        """Those of some teams that are there and not archived, whoever asks."""
        asked = {"_id": {"$in": list(team_ids)}, "archived_at": None}
        rows = self._rows.find(asked, [("_id", 1)], len(team_ids))
        return [row["_id"] for row in rows]

    def all_live(self) -> list[Team]:
        """All that are not archived, and one more than there may be, whoever asks."""
        rows = self._rows.find({"archived_at": None}, [("_id", 1)], MOST_TEAMS + 1)
        return [self.restore(row) for row in rows]
