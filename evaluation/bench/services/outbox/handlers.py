"""The events role: nothing but the relay."""

from chassis import inject
from chassis.outbox import OutboxRelay
from evaluation.bench.services.outbox.repository import ENTRIES

__all__ = ["OutboxEvents"]


class OutboxEvents:
    """Publishes what the rpc role left."""

    name = "outbox"

    relay: None = inject(OutboxRelay(ENTRIES.name))
