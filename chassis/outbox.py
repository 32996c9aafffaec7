"""The outbox relay: from the record to the event log to the broker.

One relay per service works at a time, under a lease. It moves the pending
events of records into the append-only ``event_log``, whether or not the
broker is there, and publishes the log from behind a cursor. A hint from the
rpc process wakes it within milliseconds of a commit; a sweep every second finds
what a crash left behind. Whatever dies when, an event is published at least once,
and those of one record in order.
"""

import logging
import time
from datetime import timedelta
from typing import Any, Final

import eventlet
from eventlet.event import Event as Signal
from kombu.entity import Queue
from kombu.message import Message
from nameko.extensions import DependencyProvider
from pymongo.errors import PyMongoError

from chassis.chain import Chain
from chassis.config import setting
from chassis.consuming import QueueConsumer, queue_of_this_process
from chassis.context import context_of
from chassis.leases import LEASES, Lease
from chassis.mongo import MongoDatabase
from chassis.publishing import ConfirmingPublisher, NotPublishedError
from chassis.relay import LEASE_LIFE, LeaseLostError, Relay
from chassis.topology import hint_key
from chassis.vault import SUBJECT_KEYS, Vault

__all__ = ["OutboxRelay"]

logger = logging.getLogger(__name__)

_RENEW_AFTER: Final = timedelta(seconds=2)
_SWEEP_S: Final = 1.0
# Long work gives no hints. Where there was a full batch at once, more is to come.
_FLOODED_SWEEP_S: Final = 0.1
_FLOOD_S: Final = 2.0


class OutboxRelay(DependencyProvider):  # type: ignore[misc]
    """Runs the relay in an events process.

    Args:
        collections: The names of the collections whose records have events.
    """

    mongo = MongoDatabase()
    queue_consumer = QueueConsumer()

    def __init__(self, *collections: str) -> None:
        self._collections = collections
        self._wake = Signal()

    def setup(self) -> None:
        """Listen for hints of commits."""
        self.queue_consumer.register_provider(self)

    @property
    def queue(self) -> Queue:
        """A queue of this process alone, another one for each connection."""
        service = self.container.service_name
        return queue_of_this_process(service, hint_key(service))

    def handle_message(self, message: Message) -> None:
        """Something was committed."""
        self._hint()
        self.queue_consumer.ack_message(message)

    def start(self) -> None:
        """Begin to relay."""
        database = self.mongo.database
        self._is_stopping = False
        self._flooded_until = 0.0
        self._lease = Lease(database[LEASES.name], "relay", LEASE_LIFE)
        self._publisher = ConfirmingPublisher(self.container.config["AMQP_URI"])
        master_key = setting("VAULT_KEY")
        self._relay = Relay(
            database,
            self._collections,
            self._lease,
            self._publisher,
            vault=Vault(database[SUBJECT_KEYS.name], master_key),
            chain=Chain(master_key),
        )
        self._runner = self.container.spawn_managed_thread(self._run)

    def stop(self) -> None:
        """Finish the batch at hand and let go of the lease."""
        self._is_stopping = True
        self._hint()
        self._runner.wait()
        self.queue_consumer.unregister_provider(self)
        self._publisher.close()

    def get_dependency(self, _worker_ctx: Any) -> None:
        """Nothing: handlers do not talk to the relay."""

    def worker_result(
        self, worker_ctx: Any, _result: Any = None, _exc_info: Any = None
    ) -> None:
        """A handler, timer or job of this process may have left events."""
        if context_of(worker_ctx).has_events:
            self._hint()

    def _hint(self) -> None:
        if not self._wake.ready():
            self._wake.send(None)

    def _run(self) -> None:
        while not self._is_stopping:
            self._wake = Signal()
            try:
                if self._lease.hold(_RENEW_AFTER):
                    self._work()
            except (PyMongoError, NotPublishedError, LeaseLostError) as error:
                logger.warning("relay will try again", extra={"error": repr(error)})
                eventlet.sleep(_SWEEP_S)
            is_flooded = time.monotonic() < self._flooded_until
            pause_s = _FLOODED_SWEEP_S if is_flooded else _SWEEP_S
            with eventlet.Timeout(pause_s, exception=False):
                self._wake.wait()
        self._release()

    def _release(self) -> None:
        try:
            self._lease.release()
        except PyMongoError as error:
            logger.warning("lease not released", extra={"error": repr(error)})

    def _work(self) -> None:
        """Relay until nothing is left; renew the lease on the way."""
        while self._relay.work() and not self._is_stopping:
            self._flooded_until = time.monotonic() + _FLOOD_S
            if not self._lease.hold(_RENEW_AFTER):
                raise LeaseLostError
