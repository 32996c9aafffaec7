"""Threads that call without a break: ``python -m evaluation.bench.callers``.

Takes its plan and gives its findings like ``evaluation.bench.load``. Only a
client is in this process, so its CPU time is what the client costs.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from typing import Any, Final, Protocol

from chassis.errors import WireError
from chassis.rpc_client import RpcClient
from evaluation.bench.amqp_client import AmqpClient

__all__ = ["main"]

_TIMEOUT_S: Final = 10.0
_CLIENTS: Final = {"pika": RpcClient, "py-amqp": AmqpClient}


class Client(Protocol):
    """What both clients can do."""

    def call(self, service: str, method: str, **options: Any) -> Any:
        """Call and wait."""


class Callers:
    """Threads over one client."""

    def __init__(self, client: Client, threads: int) -> None:
        self._client = client
        self._threads = threads
        self.latencies_us: list[int] = []
        self.errors: Counter[str] = Counter()

    def run(self, seconds: float) -> float:
        """Call from every thread for a while; how long it really was."""
        self.latencies_us.clear()
        self.errors.clear()
        started = time.perf_counter()
        threads = [
            threading.Thread(target=self._work, args=(started + seconds,))
            for _ in range(self._threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started

    def _work(self, until: float) -> None:
        now = time.perf_counter()
        while now < until:
            began = now
            outcome = self._call()
            now = time.perf_counter()
            if outcome is None:
                self.latencies_us.append(round((now - began) * 1_000_000))
            else:
                self.errors[outcome] += 1

    def _call(self) -> str | None:
        """One echo; None, or the code of what went wrong."""
        try:
            self._client.call(
                "bare",
                "echo",
                kwargs={"value": "is-anybody-there"},
                context={},
                timeout_s=_TIMEOUT_S,
            )
        except WireError as error:
            return error.code
        return None


def main() -> None:
    """Carry one plan out."""
    plan: dict[str, Any] = json.loads(sys.stdin.readline())
    client = _CLIENTS[plan["client"]](os.environ["AMQP_URI"], "bench")
    callers = Callers(client, plan["threads"])
    callers.run(plan["warm_up_s"])
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, started_at = time.process_time(), time.time()
    seconds = callers.run(plan["seconds"])
    findings = {
        "started_at": started_at,
        "seconds": seconds,
        "due_us": [],
        "latencies_us": callers.latencies_us,
        "errors": dict(callers.errors),
        "cpu_s": time.process_time() - cpu,
    }
    print(json.dumps(findings), flush=True)
    client.close()


if __name__ == "__main__":
    main()
