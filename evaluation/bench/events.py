"""``./crm bench bus``, last part: events, from the write to their effect."""

import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pymongo

from chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    dead_letter_queue,
    event_queue,
    feed_queue,
    queue_arguments,
)
from evaluation.bench import oplog
from evaluation.bench.backlog import fill_outbox, fill_queue
from evaluation.bench.calls import start_paths, start_service, stop_paths
from evaluation.bench.counting import Meter
from evaluation.bench.figures import Run, quantile
from evaluation.bench.measuring import measure
from evaluation.bench.servers import Servers
from stack.errors import StackError

__all__ = [
    "FEED",
    "ONE_WRITE",
    "SINGLE",
    "Backlog",
    "EventFigures",
    "EventSizes",
    "drain_rate",
    "measure_events",
]

_POLL_S: Final = 0.25
_PATIENCE_S: Final = 180.0
_LAG_RATE: Final = 100.0
_CALL_RATE: Final = 50.0
_WARM_UP_S: Final = 1.0
_OPEN_CONNECTIONS: Final = 8


@dataclass(frozen=True)
class Backlog:
    """A queue, the process that drains it, and where an effect is seen.

    Attributes:
        effects: Database and collection in which each event leaves a row
            under its own id.
    """

    label: str
    queue: str
    process: str
    effects: tuple[str, str]


FEED: Final = Backlog(
    "in batches (svc_analytics)",
    feed_queue("analytics"),
    "analytics-events-1",
    ("rapport_analytics", "processed_events"),
)
SINGLE: Final = Backlog(
    "one at a time (inbox and counter in a transaction)",
    event_queue("outbox", "entry_added", "single", "on_entry_added"),
    "single-events",
    ("rapport_single", "processed_events"),
)
ONE_WRITE: Final = Backlog(
    "one at a time (one write under the event's id)",
    event_queue("outbox", "entry_kept", "single", "on_entry_kept"),
    "single-events",
    ("rapport_single", "effects"),
)


@dataclass(frozen=True)
class EventSizes:
    """How much is measured: a short run has fewer of everything."""

    lag_s: float = 20.0
    calls_s: float = 6.0
    batch_events: int = 20_000
    single_events: int = 4_000
    pending_events: int = 20_000
    rounds: int = 3


@dataclass(frozen=True)
class EventFigures:
    """What was found; seconds and milliseconds as named, rates a second.

    Attributes:
        idle_us: Latencies of calls while nothing else happens.
        draining_us: The same while a backlog drains, by the backlog's label.
        drained_under_load: Rates of the drains during those calls.
        dead_letters: Events that ended where none should; by queue.
    """

    lags_ms: Sequence[float]
    lag_rate: float
    batch_rate: float
    single_rate: float
    one_write_rate: float
    relay_rate: float
    idle_us: Sequence[int]
    draining_us: Mapping[str, Sequence[int]]
    drained_under_load: Mapping[str, Sequence[float]]
    errors: Mapping[str, int]
    dead_letters: Mapping[str, int]
    sizes: EventSizes

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "lag_p50_ms": quantile(self.lags_ms, 0.5),
            "lag_p99_ms": quantile(self.lags_ms, 0.99),
            "lag_at_events_per_s": self.lag_rate,
            "drained_in_batches_per_s": self.batch_rate,
            "drained_one_at_a_time_per_s": self.single_rate,
            "drained_one_write_at_a_time_per_s": self.one_write_rate,
            "relayed_per_s": self.relay_rate,
            "idle_call_p50_ms": quantile(self.idle_us, 0.5) / 1_000,
            "idle_call_p99_ms": quantile(self.idle_us, 0.99) / 1_000,
            "draining": {
                label: {
                    "call_p50_ms": quantile(latencies, 0.5) / 1_000,
                    "call_p99_ms": quantile(latencies, 0.99) / 1_000,
                    "calls": len(latencies),
                    "drained_per_s": list(self.drained_under_load[label]),
                }
                for label, latencies in self.draining_us.items()
            },
            "errors": dict(self.errors),
            "dead_letters": dict(self.dead_letters),
            "sizes": asdict(self.sizes),
        }


def drain_rate(moments: Sequence[float]) -> float:
    """Events a second, from the moments of their effects in order.

    The events of the first moment only start the clock: what came before
    them is not known.

    Raises:
        ValueError: They all happened at one moment.
    """
    later = [moment for moment in moments if moment > moments[0]]
    if not later:
        raise ValueError("A rate needs effects at two moments at least.")
    return len(later) / (later[-1] - moments[0])


def measure_events(
    servers: Servers, meter: Meter, sizes: EventSizes, say: Callable[[str], None]
) -> EventFigures:
    """Measure lag, drains, calls beside a drain, and the relay.

    Raises:
        StackError: Something does not start, dies, or takes for ever.
        ValueError: There was nothing to make a figure of.
    """
    with servers.database() as client:
        return _Events(servers, meter, sizes, say, client).measure()


class _Events:
    def __init__(
        self,
        servers: Servers,
        meter: Meter,
        sizes: EventSizes,
        say: Callable[[str], None],
        client: pymongo.MongoClient[dict[str, Any]],
    ) -> None:
        self._servers = servers
        self._meter = meter
        self._sizes = sizes
        self._say = say
        self._client = client
        self._errors: dict[str, int] = {}

    def measure(self) -> EventFigures:
        sizes = self._sizes
        self._start()
        self._say(f"lag at {_LAG_RATE:.0f} events/s for {sizes.lag_s:g} s")
        lags_ms, lag_rate = self._lags()
        self._say("draining backlogs")
        batch_rate, _ = self._drain(FEED, sizes.batch_events)
        single_rate, _ = self._drain(SINGLE, sizes.single_events)
        one_write_rate, _ = self._drain(ONE_WRITE, sizes.single_events)
        self._say(f"calls at {_CALL_RATE:.0f}/s, idle and beside a drain")
        idle_us, draining_us, under_load = self._calls_beside_drains()
        self._say("relaying a full outbox")
        relay_rate = self._relay_rate()
        figures = EventFigures(
            lags_ms=lags_ms,
            lag_rate=lag_rate,
            batch_rate=batch_rate,
            single_rate=single_rate,
            one_write_rate=one_write_rate,
            relay_rate=relay_rate,
            idle_us=idle_us,
            draining_us=draining_us,
            drained_under_load=under_load,
            errors=self._errors,
            dead_letters=self._dead_letters(),
            sizes=sizes,
        )
        stop_paths(self._servers, ("ours", "outbox"))
        self._servers.stop(FEED.process, SINGLE.process)
        return figures

    def _start(self) -> None:
        self._say("starting services, their fronts and their events processes")
        self._declare()
        self._ports = start_paths(self._servers, ("ours", "outbox"))
        self._servers.start_worker("analytics", "events")
        start_service(self._servers, "single", "events")
        self._servers.await_running(FEED.process, SINGLE.process)

    def _declare(self) -> None:
        """The handlers' queues as ``./crm up`` declares them; an empty feed."""
        connection = self._servers.broker()
        channel = connection.channel()
        for queue in (SINGLE.queue, ONE_WRITE.queue):
            arguments = queue_arguments("single")
            channel.queue_declare(queue, durable=True, arguments=arguments)
        dead = dead_letter_queue("single")
        channel.queue_declare(dead, durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_bind(dead, DEAD_LETTER_EXCHANGE, "single")
        channel.queue_purge(FEED.queue)
        connection.close()

    def _offer(
        self,
        path: str,
        operation: str,
        rate: float,
        seconds: float,
        at_start: Callable[[], None] = lambda: None,
    ) -> Run:
        plan = {
            "port": self._ports[path],
            "operation": operation,
            "connections": _OPEN_CONNECTIONS,
            "rate": rate,
            "warm_up_s": _WARM_UP_S,
            "seconds": seconds,
        }
        run = measure(self._meter, {}, "load", plan, at_start=at_start)
        for kind, count in run.errors.items():
            self._errors[kind] = self._errors.get(kind, 0) + count
        return run

    def _lags(self) -> tuple[list[float], float]:
        """From the record's commit to the projection's, in milliseconds."""
        since = oplog.now()
        run = self._offer("outbox", "write", _LAG_RATE, self._sizes.lag_s)
        written = {
            record["pending_events"][0]["id"]: committed_at
            for committed_at, record in oplog.inserted(
                self._client, "rapport_outbox.entries", since
            )
            if committed_at >= run.started_at
        }
        rows = self._client[FEED.effects[0]][FEED.effects[1]]
        ids = list(written)
        self._await(lambda: rows.count_documents({"_id": {"$in": ids}}) >= len(ids))
        seen = {
            row["_id"]: committed_at
            for committed_at, row in oplog.inserted(
                self._client, ".".join(FEED.effects), since
            )
        }
        lags = [(seen[name] - at) * 1_000 for name, at in written.items()]
        return lags, len(run.latencies_us) / run.seconds

    def _drain(
        self,
        backlog: Backlog,
        count: int,
        beside: Callable[[Callable[[], None]], Run] | None = None,
    ) -> tuple[float, list[int]]:
        """Fill a queue while nobody consumes it, then let it be drained.

        Args:
            backlog: What is drained.
            count: How many events.
            beside: Makes calls meanwhile, calling what it is given as it starts.

        Returns:
            Events a second, and latencies of the calls due during the drain.
        """
        pid = self._servers.pids()[backlog.process]
        rows = self._client[backlog.effects[0]][backlog.effects[1]]
        expected = rows.estimated_document_count() + count
        os.kill(pid, signal.SIGSTOP)
        try:
            fill_queue(self._servers.amqp_uri, backlog.queue, count)
            since = oplog.now()
            run = beside(lambda: os.kill(pid, signal.SIGCONT)) if beside else None
        finally:
            os.kill(pid, signal.SIGCONT)
        self._await(lambda: rows.estimated_document_count() >= expected)
        moments = [
            at
            for at, _ in oplog.inserted(self._client, ".".join(backlog.effects), since)
        ][-count:]
        return drain_rate(moments), [] if run is None else _due_until(run, moments[-1])

    def _calls_beside_drains(
        self,
    ) -> tuple[list[int], dict[str, list[int]], dict[str, list[float]]]:
        """Latencies idle and beside drains, in turn; and the drains' rates."""
        idle: list[int] = []
        draining: dict[str, list[int]] = {}
        rates: dict[str, list[float]] = {}

        def calls(at_start: Callable[[], None] = lambda: None) -> Run:
            return self._offer(
                "ours", "read", _CALL_RATE, self._sizes.calls_s, at_start
            )

        for number in range(self._sizes.rounds):
            idle += calls().latencies_us
            backlogs = [(FEED, self._sizes.batch_events)]
            if number == 0:
                backlogs.append((SINGLE, self._sizes.single_events))
            for backlog, count in backlogs:
                rate, latencies = self._drain(backlog, count, calls)
                draining.setdefault(backlog.label, []).extend(latencies)
                rates.setdefault(backlog.label, []).append(rate)
        return idle, draining, rates

    def _relay_rate(self) -> float:
        """Start the relay on a full outbox; events confirmed a second."""
        count = self._sizes.pending_events
        self._servers.stop("outbox-events")
        fill_outbox(self._client, count)
        before = self._confirmed()
        start_service(self._servers, "outbox", "events")
        samples: list[tuple[float, float]] = []

        def is_done() -> bool:
            samples.append((time.monotonic(), self._confirmed() - before))
            return samples[-1][1] >= count

        self._await(is_done)
        self._servers.await_running("outbox-events")
        # The last sample stands for a moment that may be long past the last event.
        under_way = [(at, done) for at, done in samples if 0 < done < count]
        if len(under_way) < 2:  # noqa: PLR2004
            raise ValueError("The outbox was empty too soon to tell how fast it went.")
        (first_at, first), (last_at, last) = under_way[0], under_way[-1]
        return (last - first) / (last_at - first_at)

    def _confirmed(self) -> float:
        return self._meter.read({}).messages["confirmed"]

    def _dead_letters(self) -> dict[str, int]:
        connection = self._servers.broker()
        channel = connection.channel()
        counts = {
            queue: channel.queue_declare(queue, passive=True).method.message_count
            for queue in (dead_letter_queue("analytics"), dead_letter_queue("single"))
        }
        connection.close()
        return {queue: count for queue, count in counts.items() if count}

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(
                    f"Events were still under way after {_PATIENCE_S:.0f} s. See "
                    f"{self._servers.stack.paths.logs}."
                )
            select.select([], [], [], _POLL_S)


def _due_until(run: Run, moment: float) -> list[int]:
    """Latencies of requests that were due before ``moment``."""
    return [
        latency
        for latency, due_us in zip(run.latencies_us, run.due_us, strict=True)
        if run.started_at + due_us / 1_000_000 <= moment
    ]
