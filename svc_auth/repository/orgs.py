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

    def lock(self, noun: str) -> None:
        """Have all others wait who lock the same, until the transaction ends.

        For what is true of several records together: how many there may be, that
        there is no other like it, that they are a tree.
        """
        counted = {"$inc": {f"{noun}_changes": 1}}
        self._rows.update({"_id": self._rows.org_id}, counted)
