"""One supervised process: started, watched, started again, stopped."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final

from stack.backoff import Backoff
from stack.logs import rotate
from stack.probes import Probe, is_ready
from stack.specs import ProcessSpec

__all__ = ["Child"]

_FIRST_PROBE_S: Final = 0.05
_SLOWEST_PROBE_S: Final = 0.5
_ALIVE_PROBE_S: Final = 10.0
_DEAF_AFTER: Final = 3
_BACKLOG: Final = 1_024


class Child:
    """Keeps one process running until told to stop.

    States: ``starting``, ``running`` (it answers), ``unresponsive`` (it runs
    and does not answer), ``backoff`` (it ended and waits to be started),
    ``crash-loop`` (the same, again and again), ``stopping``, ``stopped``.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        log: Path,
        probers: Executor,
        changed: Callable[["Child"], None],
    ) -> None:
        self.spec = spec
        self.state = "stopped"
        self.restarts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.last_exit: str | None = None
        self._log = log
        self._probers = probers
        self._changed = changed
        self._backoff = Backoff(random.random)
        self._exited = asyncio.Event()
        self._wake = asyncio.Event()
        self._wanted = False
        self._keeper: asyncio.Task[None] | None = None
        self._ready_at: float | None = None
        self._listener: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while there is a process."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Begin to keep it running; one that waits after a failure tries at once."""
        if self._keeper is None or self._keeper.done():
            self._wanted = True
            self._keeper = asyncio.create_task(self._keep())
        elif self.state in {"backoff", "crash-loop"}:
            self._backoff.failures = 0
            self._set("backoff")
            self._wake.set()

    def retire(self) -> None:
        """Count as stopping from now on: another specification takes its place."""
        self._set("stopping")

    async def stop(self) -> None:
        """End it: politely, and with force after the time it is given."""
        self._refuse()
        await self._end()

    async def _end(self) -> None:
        self._wanted = False
        self._wake.set()
        if self.process is not None:
            self._set("stopping")
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(self.spec.stop_timeout_s):
                    await self._exited.wait()
            except TimeoutError:
                self._signal(signal.SIGKILL)
        if self._keeper is not None:
            await self._keeper
        self._set("stopped")

    async def restart(self) -> None:
        """Stop and start at once, without the wait after a crash."""
        await self._end()
        self._backoff.failures = 0
        self.restarts += 1
        self.start()

    def reap(self) -> None:
        """Notice that the process has ended, if it has."""
        if self.process is not None and self.process.poll() is not None:
            self._exited.set()

    def tend_log(self) -> None:
        """Keep the log from growing for ever."""
        with contextlib.suppress(OSError):
            rotate(self._log)

    async def _keep(self) -> None:
        while self._wanted:
            if not self._spawn():
                ready_for_s = None
            else:
                ready_for_s = await self._watch()
            if self._wanted:
                await self._pause(self._backoff.next_delay_s(ready_for_s))

    def _spawn(self) -> bool:
        self._exited.clear()
        self._ready_at = None
        try:
            rotate(self._log)
            environment = dict(self.spec.environment)
            if self.spec.listens:
                environment[self.spec.listens] = f"fd://{self._listen()}"
            with self._log.open("ab") as log:
                self.process = subprocess.Popen(  # noqa: S603
                    self.spec.command,
                    cwd=self.spec.directory,
                    env=environment,
                    pass_fds=[self._listener.fileno()] if self._listener else (),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            self.last_exit = f"could not be started: {error}"
            return False
        self._set("starting")
        return True

    def _listen(self) -> int:
        """The descriptor of the socket that outlives the process.

        Raises:
            OSError: The port is taken.
        """
        if self._listener is None:
            address = ("127.0.0.1", self.spec.port or 0)
            self._listener = socket.create_server(address, backlog=_BACKLOG)
        return self._listener.fileno()

    def _refuse(self) -> None:
        """Let nobody wait any longer for a process that does not come soon."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _watch(self) -> float | None:
        """Follow one run to its end; returns for how long it was ready."""
        prober = asyncio.create_task(self._probe())
        await self._exited.wait()
        prober.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await prober
        if self.process is not None:
            self.last_exit = _explain(self.process.returncode)
            # Workers of a killed master would keep its port.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None
        return None if self._ready_at is None else time.monotonic() - self._ready_at

    async def _probe(self) -> None:
        await self._become_ready()
        self._ready_at = time.monotonic()
        self._set("running")
        unanswered = 0
        while True:
            await asyncio.sleep(_ALIVE_PROBE_S * random.uniform(0.8, 1.2))  # noqa: S311
            unanswered = 0 if await self._ask(self.spec.alive) else unanswered + 1
            self._set("unresponsive" if unanswered else "running")
            if unanswered >= _DEAF_AFTER and self.spec.restart_when_deaf:
                self._signal(signal.SIGKILL)

    async def _become_ready(self) -> None:
        pause_s = _FIRST_PROBE_S
        while not await self._ask(self.spec.ready):
            await asyncio.sleep(pause_s)
            pause_s = min(_SLOWEST_PROBE_S, pause_s * 1.3)

    async def check(self) -> None:
        """Ask now, for somebody who wants to know the state of this moment."""
        if self.state in {"running", "unresponsive"}:
            answers = await self._ask(self.spec.alive)
            if self.state in {"running", "unresponsive"}:
                self._set("running" if answers else "unresponsive")

    async def _ask(self, probe: Probe) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._probers, is_ready, probe)

    async def _pause(self, delay_s: float) -> None:
        self._wake.clear()
        if self._backoff.is_crash_loop:
            self._refuse()
        self._set("crash-loop" if self._backoff.is_crash_loop else "backoff")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
        if self._wanted:
            self.restarts += 1

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        else:
            self._exited.set()

    def _set(self, state: str) -> None:
        # A probe may still be under way when the end has begun.
        over = self.state == "stopping" and state in {"running", "unresponsive"}
        if state != self.state and not over:
            self.state = state
            self._changed(self)

    def describe(self) -> dict[str, Any]:
        """What ``./crm status`` shows of it."""
        return {
            "name": self.spec.name,
            "role": self.spec.role,
            "pid": self.pid,
            "port": self.spec.port,
            "state": self.state,
            "restarts": self.restarts,
        }


def _explain(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
