"""Where organizations keep the roles that they have made."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.mongo import Collection, Index, by
from chassis.repository import Repository
from svc_auth.domain.roles import Role

__all__ = ["ROLES", "RoleRepository"]

_MOST: Final = 200

ROLES: Final = Collection(
    "roles",
    (
        PENDING_INDEX,
        Index((("org_id", 1), ("key", 1)), is_unique=True),
        by("created_at"),
        by("updated_at"),
        by("archived_at"),
    ),
)


class RoleRepository(Repository[Role]):
    """Roles of one organization."""

    collection = ROLES
    noun = "role"
    resource = "roles"
    entity = Role
    fields: ClassVar[Mapping[str, Field]] = {
        "key": Field(),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "archived_at": Field("datetime"),
    }

    def is_full(self) -> bool:
        """Whether there are as many as an organization may have."""
        return self._rows.count({}, _MOST) >= _MOST

    def live_by_key(self, keys: Iterable[str]) -> dict[str, Role]:
        """Those of ``keys`` that are not archived, whoever asks."""
        conditions = {"key": {"$in": sorted(set(keys))}, "archived_at": None}
        found = self._rows.find(conditions, [("_id", 1)], _MOST)
        return {row["key"]: self.restore(row) for row in found}
