"""Who acts in the system, and what each one holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["OPERATOR", "PRINCIPALS", "SERVICES", "VIRTUAL_HOST", "Principal"]

SERVICES: Final = ("auth", "customer", "sales", "analytics", "notify")
OPERATOR: Final = "operator"
VIRTUAL_HOST: Final = "rapport"


@dataclass(frozen=True)
class Principal:
    """One identity: a broker user, and what else it needs.

    Attributes:
        grants: What the tokens it signs for itself may carry; ``None`` for
            one that signs nothing.
        database: The database it logs in to; ``None`` for one without.
        has_vault_key: Whether it keeps people's data under a key of its own.
        broker_tags: Its rights in RabbitMQ's management.
    """

    name: str
    grants: tuple[str, ...] | None
    database: str | None
    has_vault_key: bool = False
    broker_tags: tuple[str, ...] = ()


def _service(name: str, *grants: str) -> Principal:
    return Principal(name, grants, f"rapport_{name}", has_vault_key=True)


PRINCIPALS: Final[Mapping[str, Principal]] = {
    principal.name: principal
    for principal in (
        Principal(OPERATOR, ("*",), "admin", broker_tags=("administrator",)),
        Principal("gateway", None, None),
        _service("auth", "*"),
        _service("customer"),
        _service(
            "sales",
            "accounts:read",
            "accounts:write",
            "contacts:read",
            "contacts:write",
        ),
        _service("analytics"),
        _service("notify", "people:read"),
    )
}
