"""``./crm bench customer``: a bulk update, its undoing, and readers meanwhile.

Both run to their end, or for a while and are cancelled; what they did in that
time tells how fast they are. Somebody reads single contacts all along, past the
cache of answers.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from evaluation.bench.counting import Meter
from evaluation.bench.rated import Asker, Rated, together
from evaluation.bench.targets import Target, at_least, below
from evaluation.bench.world import World, request
from stack.errors import StackError

__all__ = ["BulkFigures", "bulk_targets", "measure_bulk"]

_READS_PER_S: Final = 50
_READ: Final = 200
_TIMEOUT_S: Final = 60.0
_PAUSE_S: Final = 0.5
_LIFETIME_S: Final = 3_600
_EARLIEST: Final = "1900-01-01"
_PAST_THE_CACHE: Final = ("Cache-Control: no-cache",)


@dataclass(frozen=True)
class Job:
    """What one job did while it was watched."""

    records: int
    seconds: float
    reads: Rated

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


@dataclass(frozen=True)
class BulkFigures:
    """An update, and the undoing of it."""

    update: Job
    undo: Job

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            name: {
                "records": job.records,
                "seconds": job.seconds,
                "records_per_s": job.rate,
                "reads": job.reads.to_json(),
            }
            for name, job in (("update", self.update), ("undo", self.undo))
        }


def measure_bulk(
    world: World, meter: Meter, *, seconds: float, say: Callable[[str], None]
) -> BulkFigures:
    """Change contacts for a while, then put them back.

    Raises:
        StackError: A job failed, or does not end when it is cancelled.
        ValueError: Nothing was changed.
    """
    watch = _Watch(world, meter, seconds)
    say("a bulk update, with somebody who reads")
    payload = {
        "resource": "contacts",
        "filter": {"created_at": {"gte": _EARLIEST}},
        "changes": {"job_title": "Head of benchmarks"},
    }
    operation_id, update = watch.run("/v1/bulk-updates", payload)
    say("the undoing of it")
    _, undo = watch.run(f"/v1/operations/{operation_id}/undo", None)
    return BulkFigures(update, undo)


class _Watch:
    """Starts jobs, reads meanwhile, and ends them."""

    def __init__(self, world: World, meter: Meter, seconds: float) -> None:
        self._world = world
        self._seconds = seconds
        self._token = world.signer().sign(
            subject=world.organization.owner_ids[0],
            org_id=world.organization.id,
            grants={"*": "all"},
            lifetime_s=_LIFETIME_S,
        )
        self._asker = Asker(meter, world.port, parts={"jobs": "customer-events-1"})
        tokens = world.tokens()
        self._reads = [
            request(
                "GET",
                f"/v1/contacts/{each}",
                tokens[place % len(tokens)],
                headers=_PAST_THE_CACHE,
            )
            for place, each in enumerate(world.contact_ids(_READ))
        ]

    def run(self, path: str, payload: Mapping[str, Any] | None) -> tuple[str, Job]:
        """Watch a job for a while; its operation, and what it did."""
        own = f"/v1/bulk-updates/{self._ask('POST', path, payload)['id']}"
        read = self._asker.ask(self._reads, rate=_READS_PER_S, seconds=self._seconds)
        job = self._ask("GET", own)
        if job["finished_at"] is None:
            self._ask("POST", f"{own}/cancel")
            job = self._ended(own)
        if job["status"] == "failed" or not job["counts"]["matched"]:
            raise ValueError(f"the job is {job['status']}")
        begun, ended = (
            datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at")
        )
        took_s = (ended - begun).total_seconds()
        done = Job(job["counts"]["matched"], took_s, together([read]))
        return job["operation_id"], done

    def _ended(self, path: str) -> Any:
        give_up_at = time.monotonic() + _TIMEOUT_S
        pause = threading.Event()
        while (job := self._ask("GET", path))["finished_at"] is None:
            if time.monotonic() > give_up_at:
                raise StackError("A bulk update does not end.")
            pause.wait(_PAUSE_S)
        return job

    def _ask(
        self, method: str, path: str, payload: Mapping[str, Any] | None = None
    ) -> Any:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._world.port, timeout=_TIMEOUT_S
        )
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
        }
        body = None if payload is None else json.dumps(payload)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise StackError(f"{method} {path}: {response.status} {answer['code']}")
        return answer


def bulk_targets(found: BulkFigures) -> list[Target]:
    """How fast it has to be, and what it may do to others."""
    return [
        at_least("bulk update", found.update.rate, 1_000, "records/s"),
        below("reads meanwhile, p95", found.update.reads.ms(0.95), 50, "ms"),
    ]
