"""The jobs that change many records, and those that take operations back."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from chassis.errors import NotFoundError
from chassis.fields import Field
from chassis.jobs import Jobs
from chassis.mongo import Document

__all__ = ["BULK_UPDATE", "UNDO", "BulkUpdateJobs"]

BULK_UPDATE: Final = "bulk_update"
UNDO: Final = "undo"


class BulkUpdateJobs(Jobs):
    """What clients know as bulk updates."""

    resource = "bulk-updates"
    live: ClassVar[Mapping[str, Any]] = {"kind": {"$in": [BULK_UPDATE, UNDO]}}
    fields: ClassVar[Mapping[str, Field]] = {
        name: field for name, field in Jobs.fields.items() if name != "kind"
    }

    def _found(self, document: Document | None) -> Document:
        if document is None:
            raise NotFoundError(
                "bulk_update_not_found", "There is no such bulk update."
            )
        return document
