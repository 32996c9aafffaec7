"""The events role."""

from chassis import inject
from chassis.errors import ConflictError
from chassis.handling import batch_handler, event_handler
from chassis.job_runner import job_failure_handler, job_handler
from chassis.mongo import Repositories
from chassis.outbox import OutboxRelay
from chassis.turns import Step
from probe.repository import ENTRIES, Journal


class ProbeEvents:
    """Handles its own service's events, one by one and in batches."""

    name = "probe"

    relay = inject(OutboxRelay(ENTRIES.name))
    journal = inject(Repositories(Journal))

    @event_handler("probe", "entry_added", delays_s=(1, 1))
    def on_entry_added(self, event):
        """Have an effect on the record, unless ordered otherwise."""
        self._handle("on_entry_added", event)

    @event_handler("probe", "entry_changed", delays_s=(1, 1))
    def on_entry_changed(self, event):
        """Have an effect on the record, unless ordered otherwise."""
        self._handle("on_entry_changed", event)

    def _handle(self, what, event):
        self.journal.start(what, event["aggregate"]["id"])
        self.journal.obey(what, [event])
        self.journal.affect(what, [event])

    @batch_handler(size=50, delays_s=(1, 1))
    def on_events(self, events):
        """Have an effect on each record, unless ordered otherwise."""
        self.journal.obey("on_events", events)
        self.journal.affect("on_events", events)

    @job_handler("count")
    def count(self, job):
        """Count to as far as the job says, a step each."""
        place, last = job.cursor or 0, job.arguments["steps"]
        if not last:
            raise ConflictError("nothing_to_count", "There is nothing to count.")
        key = f"{job.id}/{place}"
        self.journal.start("count", key)
        self.journal.obey_orders([f"count:{key}"])
        cursor = place + 1 if place + 1 < last else None
        return Step(cursor=cursor, counts={"steps": 1}, progress=place / last)

    @job_failure_handler("count")
    def on_count_failed(self, job):
        """Write down that a job has failed, unless ordered otherwise."""
        self.journal.start("on_count_failed", f"{job.id}/{job.error['code']}")
        self.journal.obey_orders([f"on_count_failed:{job.id}"])
