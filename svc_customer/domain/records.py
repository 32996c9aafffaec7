"""What the records of customers have in common."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self, TypeVar

from svc_customer.domain.lifecycle import StageEntry, check_move, with_entry

__all__ = ["Address", "ChangingRecord", "CustomerRecord", "OwnedRecord"]

# Whoever counts interactions keeps these (``chassis.documents``).
_COUNTED: Final = {"history": "derived", "kept_elsewhere": True}


@dataclass(frozen=True, kw_only=True)
class Address:
    """A postal address; which parts it has depends on the country."""

    type: str | None = None
    street: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChangingRecord:
    """The part that is alike in whatever is changed, put away and brought back."""

    id: str
    owner_id: str | None = None
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
        return dataclasses.replace(self, **patch, updated_at=self._after(now))

    def archived(self, now: datetime) -> Self:
        """The record, put away."""
        return dataclasses.replace(self, archived_at=now, updated_at=self._after(now))

    def restored(self, now: datetime) -> Self:
        """The record, back among the live ones."""
        return dataclasses.replace(self, archived_at=None, updated_at=self._after(now))

    def _after(self, now: datetime) -> datetime:
        """Later than the last change, even if the clock went back."""
        return max(now, self.updated_at + timedelta(milliseconds=1))


Customer = TypeVar("Customer", bound="CustomerRecord")


@dataclass(frozen=True, kw_only=True)
class OwnedRecord(ChangingRecord):
    """The part that is alike in everything that is kept of customers."""

    external_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CustomerRecord(OwnedRecord):
    """The part that is alike in an account and in a contact.

    Attributes:
        lifecycle_history: The latest stages and since when, in their order;
            nothing in records from before it was kept.
        interaction_count: How many live interactions there are with it.
        last_interaction_at: When the latest of them happened, or will.
        custom: Values of the organization's own fields, by key, as clients
            see them; those of archived fields included.
        custom_index: ``{"k": key, "v": value}`` for each that lists find by.
        custom_keys: ``key:value`` for each that no other record may have.
    """

    lifecycle_stage: str = "lead"
    lifecycle_history: tuple[StageEntry, ...] = ()
    source: str | None = None
    tags: tuple[str, ...] = ()
    interaction_count: int = field(default=0, metadata=_COUNTED)
    last_interaction_at: datetime | None = field(default=None, metadata=_COUNTED)
    custom: Mapping[str, Any] = field(
        default_factory=dict, metadata={"history": "by_key"}
    )
    custom_index: tuple[Mapping[str, Any], ...] = field(
        default=(), metadata={"history": "derived"}
    )
    custom_keys: tuple[str, ...] = field(default=(), metadata={"history": "derived"})

    @property
    def lifecycle_stage_changed_at(self) -> datetime | None:
        """Since when it has been in its stage, if that is known."""
        return self.lifecycle_history[-1].entered_at if self.lifecycle_history else None

    def begun(self) -> Self:
        """The record, in the first of its stages, whichever that is."""
        return _in_stage(self, (), self.created_at)

    def changed(self, patch: Mapping[str, Any], now: datetime) -> Self:
        """The record with ``patch`` applied; itself if nothing differs.

        Raises:
            ConflictError: ``lifecycle_transition_refused``.
        """
        check_move(self.lifecycle_stage, patch.get("lifecycle_stage"))
        return self.put_back(patch, now)

    def put_back(self, patch: Mapping[str, Any], now: datetime) -> Self:
        """The record with ``patch`` of values it had before; to any of its stages."""
        changed = super().changed(patch, now)
        if changed.lifecycle_stage == self.lifecycle_stage:
            return changed
        return _in_stage(changed, self.lifecycle_history, now)


def _in_stage(
    record: Customer, entries: tuple[StageEntry, ...], now: datetime
) -> Customer:
    history = with_entry(entries, record.lifecycle_stage, now)
    return dataclasses.replace(record, lifecycle_history=history)
