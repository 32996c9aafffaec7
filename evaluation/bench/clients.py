"""``./crm bench bus``, second part: which library the client should stand on."""

from collections.abc import Callable, Sequence
from typing import Final

from evaluation.bench.calls import declare_queues, start_service
from evaluation.bench.counting import Meter
from evaluation.bench.figures import Run, Summary, summarize
from evaluation.bench.measuring import measure
from evaluation.bench.servers import Servers

__all__ = ["CLIENTS", "THREADS", "measure_clients"]

CLIENTS: Final = ("pika", "py-amqp")
THREADS: Final = (1, 16, 64)
_WARM_UP_S: Final = 0.3


def measure_clients(
    servers: Servers,
    meter: Meter,
    *,
    seconds: float,
    rounds: int,
    say: Callable[[str], None],
    thread_counts: Sequence[int] = THREADS,
) -> dict[tuple[int, str], Summary]:
    """Echo calls without HTTP, by number of threads and client, in turn.

    ``load`` is the CPU of the process with the client in it.

    Raises:
        StackError: A process does not start, or dies.
        ValueError: Not one call succeeded.
    """
    declare_queues(servers)
    service = start_service(servers, "bare", "rpc")
    servers.await_running(service)
    environment = servers.environment()
    parts = {"service": service, "broker": "rabbitmq"}
    runs: dict[tuple[int, str], list[Run]] = {}
    for number in range(rounds):
        say(f"clients, round {number + 1} of {rounds}")
        for threads in thread_counts:
            for client in CLIENTS:
                plan = {
                    "client": client,
                    "threads": threads,
                    "warm_up_s": _WARM_UP_S,
                    "seconds": seconds,
                }
                run = measure(meter, parts, "callers", plan, environment=environment)
                runs.setdefault((threads, client), []).append(run)
    servers.stop(service)
    return {cell: summarize(each) for cell, each in runs.items()}
