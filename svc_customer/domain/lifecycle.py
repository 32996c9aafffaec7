"""How far somebody has come as a customer, and by which ways."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chassis.errors import ConflictError

__all__ = ["LIFECYCLE_STAGES", "StageEntry", "check_move", "with_entry"]

LIFECYCLE_STAGES: Final = (
    "subscriber",
    "lead",
    "marketing_qualified_lead",
    "sales_qualified_lead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
_ASIDE: Final = "other"
# All later stages can be reached from each, and what is aside from and to all.
# Who turned out not to be so far goes back; who has bought has bought.
_BACK: Final[Mapping[str, Sequence[str]]] = {
    "subscriber": (),
    "lead": ("subscriber",),
    "marketing_qualified_lead": ("subscriber", "lead"),
    "sales_qualified_lead": ("lead", "marketing_qualified_lead"),
    "opportunity": ("lead", "marketing_qualified_lead", "sales_qualified_lead"),
    "customer": (),
    "evangelist": ("customer",),
    _ASIDE: LIFECYCLE_STAGES,
}
_MOST_ENTRIES: Final = 100


@dataclass(frozen=True, kw_only=True)
class StageEntry:
    """When a stage was entered."""

    stage: str
    entered_at: datetime


def check_move(stage: str, target: str | None) -> None:
    """Refuse what is no way from one stage to another; to stay is one.

    Raises:
        ConflictError: ``lifecycle_transition_refused``.
    """
    if target in {stage, None}:
        return
    is_later = LIFECYCLE_STAGES.index(target) > LIFECYCLE_STAGES.index(stage)
    if not is_later and target not in _BACK[stage]:
        raise ConflictError(
            "lifecycle_transition_refused",
            f"There is no way from the stage {stage} to {target}.",
        )


def with_entry(
    entries: tuple[StageEntry, ...], stage: str, now: datetime
) -> tuple[StageEntry, ...]:
    """The latest hundred entries, this one included."""
    entry = StageEntry(stage=stage, entered_at=now)
    return (*entries, entry)[-_MOST_ENTRIES:]
