"""What roles, members and applications have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

__all__ = ["ChangingRecord"]


@dataclass(frozen=True, kw_only=True)
class ChangingRecord:
    """The part that is alike in whatever is changed, put away and brought back."""

    id: str
    team_ids: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0

    def changed(self, patch: Mapping[str, Any], now: datetime) -> Self:
        """The record with ``patch`` applied; itself if nothing differs."""
        if all(getattr(self, name) == value for name, value in patch.items()):
            return self
        return replace(self, **patch, updated_at=self._after(now))

    def archived(self, now: datetime) -> Self:
        """The record, put away."""
        return replace(self, archived_at=now, updated_at=self._after(now))

    def restored(self, now: datetime) -> Self:
        """The record, back among the live ones."""
        return replace(self, archived_at=None, updated_at=self._after(now))

    def _after(self, now: datetime) -> datetime:
        return max(now, self.updated_at + timedelta(milliseconds=1))
