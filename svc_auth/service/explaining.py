"""RPC that tells who may do what, and why."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any, Final

from chassis import inject
from chassis.auth import Caller
from chassis.calling import Remote, RemoteService
from chassis.errors import NotFoundError, bad_request
from chassis.rpc import rpc
from chassis.schemas import load_query
from chassis.visibility import reaches
from svc_auth.domain.explaining import Access, Explanation, sources, why
from svc_auth.domain.field_rights import fields_with
from svc_auth.domain.people import Membership
from svc_auth.domain.rights import Rights, rights_of_all
from svc_auth.domain.roles import (
    OWNED,
    PERMISSIONS,
    Grants,
)
from svc_auth.domain.teams import Team, seen_teams
from svc_auth.schemas.explaining import ExplainQuery, ExplanationView
from svc_auth.service.dependencies import Dependencies

__all__ = ["ExplainMethods"]

_PAGE: Final = "200"
_MOST_PAGES: Final = 5


class ExplainMethods(Dependencies):
    """What can be asked about rights."""

    customer: Remote = inject(RemoteService("customer"))
    sales: Remote = inject(RemoteService("sales"))

    @rpc
    def explain_access(self, *, query: dict[str, str]) -> dict[str, Any]:
        """Who may read and change a record, and why.

        With ``principal`` what one member may do, allowed or not; without,
        everybody who may do any of it. With ``id`` about one record, which the
        caller has to see; without, about the kind of records. It tells what
        people may do who log in: a token may be narrowed to less.

        Needs the ``users:read`` permission.

        Args:
            query: An ``ExplainQuery``.

        Returns:
            An ``ExplanationView``.

        Raises:
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``.
            ForbiddenError: ``permission_missing``.
            NotFoundError: ``user_not_found``; ``account_not_found``,
                ``contact_not_found``, ``interaction_not_found``,
                ``lead_not_found`` or ``opportunity_not_found``.
            UnavailableError: ``service_unavailable``: its owner is down.
        """
        self.context.identified_caller.require("users:read")
        wanted = load_query(ExplainQuery(), query)
        resource, record_id = wanted["resource"], wanted["id"]
        record = None if record_id is None else self._record(resource, record_id)
        members, is_complete = self._members(wanted["principal"])
        principals = self._explained(members, resource, record)
        if wanted["principal"] is None:
            principals = [each for each in principals if each.is_anything_allowed]
        view: dict[str, Any] = ExplanationView().dump(
            {
                "resource": resource,
                "id": record_id,
                "owner_id": None if record is None else record["owner_id"],
                "team_ids": () if record is None else record["team_ids"],
                "principals": [_shown(each) for each in principals],
                "is_complete": is_complete,
            }
        )
        return view

    def _record(self, resource: str, record_id: str) -> Mapping[str, Any]:
        """A record, from the service that owns it, as the caller sees it."""
        found: Mapping[str, Any]
        match resource:
            case "accounts":
                found = self.customer.call("get_account", account_id=record_id)
            case "contacts":
                found = self.customer.call("get_contact", contact_id=record_id)
            case "interactions":
                found = self.customer.call("get_interaction", interaction_id=record_id)
            case "leads":
                found = self.sales.call("get_lead", lead_id=record_id)
            case "opportunities":
                found = self.sales.call("get_opportunity", opportunity_id=record_id)
            case _:
                message = f"Only records of {', '.join(sorted(OWNED))} are somebody's."
                raise bad_request(
                    "invalid_query",
                    message,
                    [{"field": "id", "code": "invalid_query", "message": message}],
                )
        return found

    def _members(self, person_id: str | None) -> tuple[list[Membership], bool]:
        if person_id is not None:
            found = self.memberships.find_live(person_id)
            if found is None:
                raise NotFoundError(
                    "user_not_found", "The organization has no such member."
                )
            return [found], True
        members: list[Membership] = []
        terms = {"limit": _PAGE, "sort": "created_at"}
        for _ in range(_MOST_PAGES):
            page = self.memberships.page(terms, ())
            members += page.items
            if page.next_cursor is None:
                return members, True
            terms["cursor"] = page.next_cursor
        return members, False

    def _explained(
        self,
        members: Collection[Membership],
        resource: str,
        record: Mapping[str, Any] | None,
    ) -> list[Explanation]:
        keys = {key for member in members for key in member.roles}
        roles = self.rights_by_role(keys)
        teams = self.teams.all_live()
        acl = None
        if record is not None:
            acl = [each for each in (record["owner_id"], *record["team_ids"]) if each]
        found = []
        for member in members:
            own = {key: roles[key] for key in member.roles if key in roles}
            caller = self._as_caller(member, own, teams)
            grants = {key: each.grants for key, each in own.items()}
            read, write = (
                _access(caller, grants, f"{resource}:{action}", acl)
                if action in PERMISSIONS[resource]
                else None
                for action in ("read", "write")
            )
            fields = rights_of_all(own.values()).fields.get(resource, {})
            found.append(
                Explanation(
                    id=member.person_id,
                    name=member.name,
                    read=read,
                    write=write,
                    hidden_fields=fields_with(fields, "none"),
                    read_only_fields=fields_with(fields, "read"),
                )
            )
        return found

    @staticmethod
    def _as_caller(
        member: Membership, roles: Mapping[str, Rights], teams: list[Team]
    ) -> Caller:
        """The member, as a token of theirs would say."""
        return Caller(
            principal_id=member.person_id,
            principal_type="person",
            org_id=member.org_id,
            roles=tuple(roles),
            team_ids=seen_teams(teams, member.team_ids, member.person_id),
            grants=rights_of_all(roles.values()).grants,
            expires_at=0.0,
            token_id="",
        )


def _access(
    caller: Caller,
    roles: Mapping[str, Grants],
    permission: str,
    acl: Collection[str] | None,
) -> Access:
    """What a member may do, by the rule that services enforce."""
    reach = caller.reach(permission)
    is_granted = reach != "none"
    return Access(
        permission=permission,
        is_allowed=is_granted if acl is None else reaches(caller, permission, acl),
        reach=reach,
        because=why(reach, caller.principal_id, caller.team_ids, acl),
        team_ids=tuple(each for each in acl or () if each in caller.team_ids),
        granted_by=sources(roles, permission),
    )


def _shown(explanation: Explanation) -> dict[str, Any]:
    return {
        "id": explanation.id,
        "name": explanation.name,
        "read": _shown_access(explanation.read),
        "write": _shown_access(explanation.write),
        "hidden_fields": explanation.hidden_fields,
        "read_only_fields": explanation.read_only_fields,
    }


def _shown_access(access: Access | None) -> dict[str, Any] | None:
    if access is None:
        return None
    granted = [
        {"role": role, "reach": reach} for role, reach in access.granted_by.items()
    ]
    return {**asdict(access), "granted_by": granted}
