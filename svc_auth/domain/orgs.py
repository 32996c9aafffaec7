"""Organizations: the tenants."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Org"]


@dataclass(frozen=True, kw_only=True)
class Org:
    """A tenant; everything else belongs to exactly one."""

    id: str
    name: str
    currency: str
    time_zone: str
    first_weekday: int
    owner_id: str
    team_ids: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0
