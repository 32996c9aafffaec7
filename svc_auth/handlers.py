"""The events role of svc_auth: it publishes, and listens to nobody yet."""

from chassis import inject
from chassis.outbox import OutboxRelay
from svc_auth.repository import RECORDS

__all__ = ["AuthEvents"]


class AuthEvents:
    """Relays what happens to organizations, sessions and keys."""

    name = "auth"

    relay: None = inject(OutboxRelay(*(each.name for each in RECORDS)))
