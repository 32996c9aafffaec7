"""RPC of the audit log."""

from typing import Any, Final

from chassis import inject
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.views import dumper
from svc_auth.repository.audit import AuditLog
from svc_auth.schemas.audit import AuditEntryView
from svc_auth.service.dependencies import Dependencies

__all__ = ["AuditMethods"]

_VIEW: Final = AuditEntryView()
_SHOWN: Final = dumper(_VIEW)


class AuditMethods(Dependencies):
    """What can be asked about who did what."""

    audit_log: AuditLog = inject(Repositories(AuditLog))

    @rpc
    def list_audit_log(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of what was done about security in the organization.

        Logins and failed ones, sessions, tokens, applications, members, roles,
        teams, passwords, second factors. What was done is here within a
        second, and stays.

        Needs the ``audit-log:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [AuditEntryView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        self.context.identified_caller.require("audit-log:read")
        return self.audit_log.page(query, _VIEW.fields).view(_SHOWN)
