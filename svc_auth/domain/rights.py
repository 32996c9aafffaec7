"""What somebody may do with records, and with which of their fields."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from svc_auth.domain.field_rights import HIDEABLE, Fields, more_than, together
from svc_auth.domain.roles import Grants, beyond, union

__all__ = ["Rights", "beyond_rights", "rights_of_all"]


@dataclass(frozen=True)
class Rights:
    """What a role gives, or somebody holds.

    Attributes:
        grants: Permissions, and how far each reaches.
        fields: What is kept from them of the fields of what is granted.
    """

    grants: Grants
    fields: Fields = field(default_factory=dict)

    def includes(self, resource: str) -> bool:
        """Whether anything may be done with records of this kind."""
        return any(
            reach != "none" and permission.partition(":")[0] in {resource, "*"}
            for permission, reach in self.grants.items()
        )


def rights_of_all(many: Iterable[Rights]) -> Rights:
    """What several roles give together.

    The farther reach wins, and of each field the most permissive word of the
    roles that grant anything of the resource.
    """
    roles = list(many)
    fields = {
        resource: together(
            [each.fields.get(resource, {}) for each in roles if each.includes(resource)]
        )
        for resource in HIDEABLE
    }
    return Rights(
        grants=union(each.grants for each in roles),
        fields={resource: kept for resource, kept in fields.items() if kept},
    )


def beyond_rights(wanted: Rights, held: Rights) -> list[str]:
    """What of ``wanted`` goes beyond what somebody holds, who may not give it.

    Returns:
        Permissions, and fields such as ``contacts.emails``.
    """
    fields = [
        f"{resource}.{name}"
        for resource, kept in held.fields.items()
        if wanted.includes(resource)
        for name in more_than(kept, wanted.fields.get(resource, {}))
    ]
    return beyond(wanted.grants, held.grants) + sorted(fields)
