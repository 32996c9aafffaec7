"""The events role of svc_customer: it publishes, and listens to nobody yet."""

from chassis import inject
from chassis.outbox import OutboxRelay
from svc_customer import repository

__all__ = ["CustomerEvents"]


class CustomerEvents:
    """Relays what happens to accounts, contacts and interactions."""

    name = "customer"

    relay: None = inject(OutboxRelay(*(each.name for each in repository.RECORDS)))
