"""Fields of records that somebody may not see, or may see and not write.

Roles restrict them. A token carries what is left of that when all roles of its
principal are taken together, by every name that a field has in views, inputs
and lists; most tokens carry nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["UNRESTRICTED", "Restriction", "is_among", "read_restrictions"]


@dataclass(frozen=True)
class Restriction:
    """What somebody may not do with the fields of one kind of records.

    Attributes:
        hidden: Those that no answer to them may have, nor depend on.
        unwritable: Those that they may not write; all that are hidden, too.
    """

    hidden: frozenset[str] = frozenset()
    unwritable: frozenset[str] = frozenset()


UNRESTRICTED: Final = Restriction()


def is_among(name: str, fields: Collection[str]) -> bool:
    """Whether a field is one of these, or a member of one: ``custom.region``."""
    return name in fields or ("." in name and name.partition(".")[0] in fields)


def read_restrictions(claim: Any) -> dict[str, Restriction]:
    """Restrictions by resource, as a token's ``fields`` tells them.

    Args:
        claim: ``{resource: {"none": [name], "read": [name]}}``, or None.

    Raises:
        ValueError: It is something else.
    """
    if claim is None:
        return {}
    if not isinstance(claim, dict):
        raise ValueError("not an object of resources")  # noqa: TRY004 - of a token
    return {resource: _restriction(rights) for resource, rights in claim.items()}


def _restriction(rights: Any) -> Restriction:
    if not isinstance(rights, Mapping) or not rights.keys() <= {"none", "read"}:
        raise ValueError("not an object of rights")
    if not all(isinstance(names, list) for names in rights.values()):
        raise ValueError("not a list of fields")
    hidden = frozenset(rights.get("none", ()))
    return Restriction(hidden, hidden.union(rights.get("read", ())))
