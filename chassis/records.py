"""What every aggregate has."""

from datetime import datetime
from typing import Protocol

__all__ = ["Record", "access_list", "changed_at"]


class Record(Protocol):
    """What every aggregate has; domain classes have it by shape."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def sequence(self) -> int: ...  # noqa: D102
    @property
    def owner_id(self) -> str | None: ...  # noqa: D102
    @property
    def team_ids(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def archived_at(self) -> datetime | None: ...  # noqa: D102


def access_list(record: Record) -> list[str]:
    """Whose own a record is: its owner and its teams, for one indexed condition."""
    return [name for name in (record.owner_id, *record.team_ids) if name]


def changed_at(record: Record) -> datetime | None:
    """The time of its last change, of a record that tells it."""
    moment: datetime | None = getattr(record, "updated_at", None)
    return moment
