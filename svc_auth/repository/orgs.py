"""Where organizations are kept."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.mongo import Collection
from chassis.repository import Repository
from svc_auth.domain.orgs import Org

__all__ = ["ORGS", "OrgRepository"]

ORGS: Final = Collection("orgs", (PENDING_INDEX,))


class OrgRepository(Repository[Org]):
    """Organizations; each is its own tenant."""

    collection = ORGS
    noun = "org"
    resource = "org"
    fields: ClassVar[Mapping[str, Field]] = {}
    entity = Org

    def lock_teams(self) -> None:
        """Have all others wait, until the transaction ends, who change the tree."""
        self._rows.update({"_id": self._rows.org_id}, {"$inc": {"team_changes": 1}})
