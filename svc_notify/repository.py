"""Where svc_notify keeps what it owns."""

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.fields import Field
from chassis.mongo import Collection, Document, Index, by
from chassis.repository import Repository
from svc_notify.domain import Delivery, DeliveryStatus

__all__ = ["COLLECTIONS", "DeliveryRepository"]

DELIVERIES: Final = Collection(
    "deliveries",
    (
        by("created_at"),
        by("updated_at"),
        by("status", "created_at"),
        by("template", "created_at"),
        Index(
            (("org_id", 1), ("event_id", 1), ("template", 1), ("recipient_id", 1)),
            is_unique=True,
        ),
    ),
)
COLLECTIONS: Final = (DELIVERIES,)


class DeliveryRepository(Repository[Delivery]):
    """The deliveries of one organization."""

    collection = DELIVERIES
    noun = "delivery"
    resource = "deliveries"
    entity = Delivery
    fields: ClassVar[Mapping[str, Field]] = {
        "id": Field("id", "_id"),
        "status": Field(choices=tuple(DeliveryStatus)),
        "template": Field(),
        "event_id": Field("id"),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
    }

    def restore(self, document: Document) -> Delivery:
        """Build the delivery that ``document`` keeps."""
        status = DeliveryStatus(document["status"])
        return super().restore({**document, "status": status})
