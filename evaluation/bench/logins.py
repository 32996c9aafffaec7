"""What logins cost everybody else: ``python -m evaluation.bench.logins <status.json>``.

Somebody asks svc_auth who they are, over and over, in windows that alternate:
beside so many logins a second, and beside none. Over the bus, as the gateway
limits logins by address.
"""

import json
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from chassis.errors import WireError
from chassis.rpc_client import RpcClient

__all__ = ["main"]

_LOGINS_PER_S: Final = 20
_ASKS_PER_S: Final = 100
_WINDOW_S: Final = 5.0
_ROUNDS: Final = 3
_TIMEOUT_S: Final = 10.0


class _Auth:
    """svc_auth, by its RPCs."""

    def __init__(self, amqp_uri: str) -> None:
        self._client = RpcClient(amqp_uri, "operator")

    def call(self, method: str, token: str | None = None, **kwargs: Any) -> Any:
        context = {} if token is None else {"auth_token": token}
        return self._client.call(
            "auth", method, kwargs=kwargs, context=context, timeout_s=_TIMEOUT_S
        ).result

    def close(self) -> None:
        self._client.close()


class _Logins:
    """So many a second, each in a thread of its own."""

    def __init__(self, auth: _Auth, credentials: dict[str, str]) -> None:
        self._auth = auth
        self._credentials = credentials
        self.times_s: list[float] = []
        self.refused = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Log in all the while."""
        stopping = threading.Event()
        threads: list[threading.Thread] = []

        def run() -> None:
            while not stopping.wait(1 / _LOGINS_PER_S):
                threads.append(threading.Thread(target=self._log_in))
                threads[-1].start()

        runner = threading.Thread(target=run)
        runner.start()
        yield
        stopping.set()
        runner.join()
        for thread in threads:
            thread.join()

    def _log_in(self) -> None:
        began = time.perf_counter()
        try:
            self._auth.call("login", payload=self._credentials)
        except WireError:
            self.refused += 1
        else:
            self.times_s.append(time.perf_counter() - began)


def _ask(auth: _Auth, token: str) -> list[float]:
    times, ends = [], time.monotonic() + _WINDOW_S
    pace = threading.Event()
    while time.monotonic() < ends:
        began = time.perf_counter()
        auth.call("get_me", token)
        times.append(time.perf_counter() - began)
        pace.wait(max(0.0, 1 / _ASKS_PER_S - times[-1]))
    return times


def _p99_ms(times_s: list[float]) -> float:
    return 1_000 * statistics.quantiles(times_s, n=100)[98]


def main() -> None:
    """Print the figures, good or bad."""
    status = json.loads(Path(sys.argv[1]).read_text())
    auth = _Auth(status["amqp_uri"])
    credentials = {
        "email": f"{uuid.uuid4().hex}@example.test",
        "password": "a long and secret one",
    }
    names = {"org_name": "Bench", "name": "Bench"}
    tokens = auth.call("register_org", payload={**names, **credentials})
    logins = _Logins(auth, credentials)
    idle: list[float] = []
    beside: list[float] = []
    for _ in range(_ROUNDS):
        idle += _ask(auth, tokens["access_token"])
        with logins.running():
            beside += _ask(auth, tokens["access_token"])
    auth.close()
    done = len(logins.times_s)
    print(f"logins: {done} done, {logins.refused} refused, at {_LOGINS_PER_S}/s")
    print(f"  one takes {1_000 * statistics.median(logins.times_s):.0f} ms (median)")
    print(f"get_me: p99 {_p99_ms(idle):.1f} ms, beside logins {_p99_ms(beside):.1f} ms")
    print(f"  {_p99_ms(beside) / _p99_ms(idle):.2f} x")


if __name__ == "__main__":
    main()
