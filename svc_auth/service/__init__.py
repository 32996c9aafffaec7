"""The rpc role of svc_auth, composed of one mixin per aggregate."""

from chassis.rpc import rpc
from svc_auth.service import (
    audit,
    explaining,
    invitations,
    oauth_authorization,
    oauth_clients,
    oauth_devices,
    oauth_tokens,
    orgs,
    passwords,
    people,
    personal_tokens,
    roles,
    second_factors,
    service_accounts,
    sessions,
    signing_keys,
    teams,
    users,
)

__all__ = ["AuthService"]


class AuthService(
    audit.AuditMethods,
    explaining.ExplainMethods,
    invitations.InvitationMethods,
    oauth_tokens.TokenMethods,
    oauth_devices.DeviceMethods,
    oauth_authorization.AuthorizationMethods,
    oauth_clients.OAuthClientMethods,
    orgs.OrgMethods,
    second_factors.SecondFactorMethods,
    passwords.PasswordMethods,
    people.PersonMethods,
    service_accounts.ServiceAccountMethods,
    personal_tokens.PersonalTokenMethods,
    roles.RoleMethods,
    sessions.SessionMethods,
    signing_keys.SigningKeyMethods,
    teams.TeamMethods,
    users.UserMethods,
):
    """Organizations, people, and how they prove who they are."""

    name = "auth"

    @rpc(public=True)
    def check_health(self) -> dict[str, str]:
        """Answer, which shows that requests get through to a worker."""
        return {"status": "ok"}
