"""Fields of records that roles may hide from people, or let them only read.

What the owners' views show is held against this list by a contract test.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

__all__ = [
    "FIELD_RIGHTS",
    "HIDEABLE",
    "READABLE",
    "FieldRight",
    "Fields",
    "fields_with",
    "more_than",
    "other_names",
    "restricted_names",
    "rights_to",
    "together",
]

FieldRight = Literal["none", "read", "write"]
# By resource and field; who has no word about a field may do with it whatever
# they may do with the record.
Fields = Mapping[str, Mapping[str, FieldRight]]

FIELD_RIGHTS: Final[tuple[FieldRight, ...]] = ("none", "read", "write")
_RANK: Final = {right: rank for rank, right in enumerate(FIELD_RIGHTS)}

_OF_CUSTOMERS: Final[Mapping[str, tuple[str, ...]]] = {
    "tags": (),
    "external_ids": ("external_id",),
    "custom": (),
    "interaction_count": (),
    "last_interaction_at": (),
}
# What can be hidden, and other names that the same values have in views, inputs
# and filters.
HIDEABLE: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "accounts": {
        "name": (),
        "domain": (),
        "industry": (),
        "employee_count": (),
        "phone": ("phone_e164",),
        "website": (),
        "parent_id": (),
        "billing_address": (),
        "shipping_address": (),
        **_OF_CUSTOMERS,
    },
    "contacts": {
        "first_name": (),
        "last_name": (),
        "emails": ("email",),
        "phones": ("phone",),
        "job_title": (),
        "do_not_contact": (),
        "addresses": (),
        **_OF_CUSTOMERS,
    },
    "interactions": {
        "direction": (),
        "subject": (),
        "body": (),
        "metadata": (),
        "duration_s": (),
        "attachments": (),
        "external_ids": ("external_id",),
    },
    "leads": {
        "first_name": (),
        "last_name": (),
        "company": (),
        "email": (),
        "phone": (),
        "description": (),
    },
    "opportunities": {"name": (), "close_on": ()},
}
_OWNERS: Final[Mapping[str, tuple[str, ...]]] = {"owner_id": (), "team_ids": ()}
# What can be made read-only, but not hidden: it says whose the record is, or
# events tell it to everybody who may read the record.
READABLE: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "accounts": {**_OWNERS, "lifecycle_stage": (), "source": ()},
    "contacts": {
        **_OWNERS,
        "accounts": ("account_id",),
        "lifecycle_stage": (),
        "source": (),
    },
    "interactions": {
        **_OWNERS,
        "type": (),
        "occurred_at": (),
        "contact_id": (),
        "account_id": (),
        "amount": (),
        "thread_id": (),
        "in_reply_to": (),
        "mentions": (),
    },
    "leads": {**_OWNERS, "status": (), "source": (), "rating": ()},
    "opportunities": {"amount": ()},
}


def other_names(resource: str) -> dict[str, tuple[str, ...]]:
    """By each field that can be restricted: what else the same values are called."""
    return {**HIDEABLE[resource], **READABLE[resource]}


def rights_to(resource: str, field: str) -> tuple[FieldRight, ...]:
    """What a role may say of a field; nothing if there is no such field."""
    if field in HIDEABLE.get(resource, ()):
        return FIELD_RIGHTS
    return ("read", "write") if field in READABLE.get(resource, ()) else ()


def together(roles: Sequence[Mapping[str, FieldRight]]) -> dict[str, FieldRight]:
    """What several roles restrict of one resource: only what each of them does.

    Args:
        roles: What each says of the fields; the most permissive word counts.
    """
    found: dict[str, FieldRight] = {}
    for name in roles[0] if roles else ():
        words = [each.get(name, "write") for each in roles]
        found[name] = max(words, key=_RANK.__getitem__)
    return {name: right for name, right in found.items() if right != "write"}


def more_than(
    held: Mapping[str, FieldRight], wanted: Mapping[str, FieldRight]
) -> list[str]:
    """Fields of one resource with which ``wanted`` lets do more than ``held``."""
    return [
        name
        for name, right in held.items()
        if _RANK[wanted.get(name, "write")] > _RANK[right]
    ]


def fields_with(rights: Mapping[str, FieldRight], right: FieldRight) -> tuple[str, ...]:
    """The fields of one resource to which somebody has just this right."""
    return tuple(sorted(name for name, given in rights.items() if given == right))


def restricted_names(fields: Fields) -> dict[str, dict[str, list[str]]]:
    """Restrictions as tokens carry them, each by all of its names.

    Returns:
        ``{resource: {"none": [name], "read": [name]}}``, nothing that is empty.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for resource, rights in fields.items():
        for name, right in rights.items():
            if right != "write":
                named = found.setdefault(resource, {}).setdefault(right, [])
                named += [name, *other_names(resource).get(name, ())]
    return found
