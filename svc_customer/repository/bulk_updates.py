"""The jobs that change many records, and those that take operations back."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from chassis.jobs import Jobs

__all__ = ["BULK_UPDATE", "UNDO", "BulkUpdateJobs"]

BULK_UPDATE: Final = "bulk_update"
UNDO: Final = "undo"


class BulkUpdateJobs(Jobs):
    """What clients know as bulk updates."""

    resource = "bulk-updates"
    live: ClassVar[Mapping[str, Any]] = {"kind": {"$in": [BULK_UPDATE, UNDO]}}
