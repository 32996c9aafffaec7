"""Organizations: the tenants."""

from dataclasses import dataclass

from svc_auth.domain.records import ChangingRecord

__all__ = ["Org"]


@dataclass(frozen=True, kw_only=True)
class Org(ChangingRecord):
    """A tenant; everything else belongs to exactly one.

    Attributes:
        currency: In which amounts are compared (ISO 4217).
        time_zone: In which a day begins and ends (IANA).
        first_weekday: Of a week, 1 for Monday to 7 for Sunday (ISO 8601).
    """

    name: str
    currency: str
    time_zone: str
    first_weekday: int
    owner_id: str
