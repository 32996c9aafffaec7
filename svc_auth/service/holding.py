"""What roles give, and what of it somebody may give to others."""

from collections.abc import Collection

from chassis import inject
from chassis.auth import Caller
from chassis.context import Context
from chassis.errors import ForbiddenError
from chassis.mongo import Repositories
from chassis.signing import CurrentContext
from svc_auth.domain.field_rights import Fields, rights_to
from svc_auth.domain.rights import Rights, beyond_rights, rights_of_all
from svc_auth.domain.roles import BUILT_IN_ROLES, Role, flat
from svc_auth.repository.roles import RoleRepository

__all__ = ["Holding", "rights_held", "rights_of_role"]


class Holding:
    """The rights of roles, and of the caller."""

    context: Context = inject(CurrentContext())
    roles: RoleRepository = inject(Repositories(RoleRepository))

    def check_held(self, wanted: Rights) -> None:
        """Refuse to give or take what the caller does not hold.

        Raises:
            ForbiddenError: ``grant_beyond_own``, naming permissions and fields.
        """
        held = rights_held(self.context.identified_caller)
        if missing := beyond_rights(wanted, held):
            raise ForbiddenError(
                "grant_beyond_own",
                f"Nobody can give more than they have: {', '.join(missing)}.",
            )

    def rights_of(self, keys: Collection[str]) -> Rights:
        """What roles of the organization at hand give together."""
        return rights_of_all(self.rights_by_role(keys).values())

    def rights_by_role(self, keys: Collection[str]) -> dict[str, Rights]:
        """What each of these roles gives; those that there are not are left out."""
        own = [key for key in keys if key not in BUILT_IN_ROLES]
        made = self.roles.live_by_key(own) if own else {}
        built_in = [key for key in keys if key in BUILT_IN_ROLES]
        return {
            **{key: Rights(BUILT_IN_ROLES[key].grants) for key in built_in},
            **{key: rights_of_role(role) for key, role in made.items()},
        }


def rights_of_role(role: Role) -> Rights:
    """What a role of the organization's own gives while it is live."""
    return Rights(flat(role.grants), role.fields)


def rights_held(caller: Caller) -> Rights:
    """What a token lets its caller do."""
    fields: Fields = {
        resource: {
            name: "none" if name in kept.hidden else "read"
            for name in kept.unwritable
            if rights_to(resource, name)
        }
        for resource, kept in caller.restrictions.items()
    }
    return Rights(caller.grants, fields)
