"""The daemon behind a running stack: keeps its processes alive.

Run as ``python -m stack.supervisor STATE_DIRECTORY``. It knows nothing of
Rapport: ``./crm`` hands it process specifications over a unix socket and asks
it about them. It sleeps until a process ends, a probe is due or somebody asks.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from stack.child import Child
from stack.control import socket_path
from stack.errors import StackError
from stack.orphans import Identity, find_orphans, identify, stop_processes
from stack.paths import StatePaths
from stack.private_files import read_json, write_json
from stack.specs import ProcessSpec

__all__ = ["Daemon", "stop_orphans"]

_STAGE_TIMEOUT_S: Final = 60.0
_TEND_LOGS_S: Final = 60.0
_LAST_ANSWERS_S: Final = 1.0
_LONGEST_REQUEST_BYTES: Final = 4_000_000
_SETTLED: Final = frozenset({"running", "crash-loop"})
_PROCESS_CAME_OR_WENT: Final = frozenset(
    {"starting", "backoff", "crash-loop", "stopped"}
)


class Daemon:
    """The processes of one stack, and the socket they are managed through."""

    def __init__(self, paths: StatePaths) -> None:
        self._paths = paths
        self._children: dict[str, Child] = {}
        self._probers = ThreadPoolExecutor(4, thread_name_prefix="probe")
        self._changed = asyncio.Condition()
        self._changes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._finished = asyncio.Event()
        self._is_over = False

    async def run(self, lifeline: int | None) -> None:
        """Serve until told to stop, or until the other end of the lifeline closes."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._finished.set)
        if lifeline is not None:
            loop.add_reader(lifeline, self._lifeline_closed, lifeline)
        path = socket_path(self._paths)
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(
            self._serve, path, limit=_LONGEST_REQUEST_BYTES
        )
        tender = asyncio.create_task(self._tend_logs())
        await self._finished.wait()
        tender.cancel()
        await self._stop_all()
        server.close()
        await self._end_answers()
        path.unlink(missing_ok=True)
        self._paths.children.unlink(missing_ok=True)

    async def _end_answers(self) -> None:
        """Let those who follow hear the last of it."""
        self._is_over = True
        self._changes += 1
        await self._announce()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_LAST_ANSWERS_S)

    def _lifeline_closed(self, lifeline: int) -> None:
        asyncio.get_running_loop().remove_reader(lifeline)
        self._finished.set()

    def _reap(self) -> None:
        for child in self._children.values():
            child.reap()

    async def _tend_logs(self) -> None:
        while True:
            await asyncio.sleep(_TEND_LOGS_S)
            for child in self._children.values():
                child.tend_log()

    def _note(self, child: Child) -> None:
        reason = f" ({child.last_exit})" if child.last_exit and not child.pid else ""
        _log(f"{child.spec.name}: {child.state}{reason}")
        self._changes += 1
        if child.state in _PROCESS_CAME_OR_WENT:
            self._record()
        notice = asyncio.create_task(self._announce())
        self._tasks.add(notice)
        notice.add_done_callback(self._tasks.discard)

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _record(self) -> None:
        """Write down what runs, for the day this process is killed."""
        running = [
            {"stage": child.spec.stage, **vars(identity)}
            for child in self._children.values()
            if child.pid and (identity := identify(child.pid))
        ]
        try:
            write_json(self._paths.children, running)
        except OSError as error:
            _log(f"cannot write {self._paths.children}: {error}")

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        try:
            request = json.loads(await reader.readline())
            handler = getattr(self, f"_do_{request.pop('command')}")
            async for answer in handler(**request):
                await _send(writer, {"answer": answer})
        except StackError as error:
            await _send(writer, {"error": str(error)})
        except (ValueError, TypeError, AttributeError) as error:
            await _send(writer, {"error": f"Not understood: {error}"})
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _do_ping(self) -> AsyncIterator[str]:
        yield "pong"

    async def _do_status(self, *, check: bool = False) -> AsyncIterator[Any]:
        if check:
            await asyncio.gather(*(child.check() for child in self._children.values()))
        yield self._snapshot()

    async def _do_follow(self) -> AsyncIterator[Any]:
        """The state of all, now and after every change."""
        while not self._is_over:
            seen = self._changes
            yield self._snapshot()
            async with self._changed:
                while self._changes == seen:
                    await self._changed.wait()

    async def _do_apply(self, *, specs: list[dict[str, Any]]) -> AsyncIterator[bool]:
        """Begin to make these processes run as specified, stage by stage."""
        wanted = [ProcessSpec.from_json(spec) for spec in specs]
        for spec in wanted:
            child = self._children.get(spec.name)
            if child is not None and child.spec == spec:
                child.start()
            elif child is not None:
                child.retire()
        task = asyncio.create_task(self._apply_all(wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        yield True

    async def _apply_all(self, wanted: list[ProcessSpec]) -> None:
        for stage in sorted({spec.stage for spec in wanted}):
            names = [spec.name for spec in wanted if spec.stage == stage]
            for spec in wanted:
                if spec.stage == stage:
                    await self._apply(spec)
            await self._settled(names)

    async def _apply(self, spec: ProcessSpec) -> None:
        child = self._children.get(spec.name)
        if child is not None and child.spec == spec:
            child.start()
            return
        if child is not None:
            await child.stop()
        log = self._paths.log_of(spec.name)
        child = Child(spec, log, self._probers, self._note)
        self._children[spec.name] = child
        child.start()

    async def _settled(self, names: Iterable[str]) -> None:
        """Wait until each has started or has shown that it cannot."""
        pending = set(names)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STAGE_TIMEOUT_S), self._changed:
                while pending:
                    pending = {
                        name
                        for name in pending
                        if self._children[name].state not in _SETTLED
                    }
                    if pending:
                        await self._changed.wait()

    async def _do_remove(self, *, names: list[str]) -> AsyncIterator[bool]:
        await asyncio.gather(*(self._child(name).stop() for name in names))
        for name in names:
            del self._children[name]
        self._record()
        yield True

    async def _do_restart(self, *, names: list[str]) -> AsyncIterator[bool]:
        """Restart all at once, but those that answer requests one by one."""
        children = [self._child(name) for name in names]
        answering = [each for each in children if each.spec.role == "rpc"]
        others = [each for each in children if each.spec.role != "rpc"]
        await asyncio.gather(
            self._restart_in_turn(answering), *(each.restart() for each in others)
        )
        await self._settled(names)
        yield True

    async def _restart_in_turn(self, children: list[Child]) -> None:
        for child in children:
            await child.restart()
            await self._settled([child.spec.name])

    async def _do_halt(self, *, names: list[str]) -> AsyncIterator[bool]:
        """Stop processes that are to be resumed later."""
        await asyncio.gather(*(self._child(name).stop() for name in names))
        yield True

    async def _do_resume(self, *, names: list[str]) -> AsyncIterator[bool]:
        """Start what was halted."""
        for name in names:
            self._child(name).start()
        yield True

    async def _do_stop(self) -> AsyncIterator[Any]:
        """Stop all and end; the connection closes when that is done."""
        self._finished.set()
        async for snapshot in self._do_follow():
            yield snapshot

    def _child(self, name: str) -> Child:
        try:
            return self._children[name]
        except KeyError:
            known = ", ".join(self._children)
            raise StackError(
                f"There is no process {name}. There are: {known}."
            ) from None

    def _snapshot(self) -> list[dict[str, Any]]:
        return [
            {**child.describe(), "last_exit": child.last_exit}
            for child in self._children.values()
        ]

    async def _stop_all(self) -> None:
        stages = {child.spec.stage for child in self._children.values()}
        for stage in sorted(stages, reverse=True):
            await asyncio.gather(
                *(
                    child.stop()
                    for child in self._children.values()
                    if child.spec.stage == stage
                )
            )


def _log(text: str) -> None:
    """Not by ``print``: a full disk must not be what ends the supervisor."""
    with contextlib.suppress(OSError):
        os.write(1, f"{time.strftime('%H:%M:%S')} {text}\n".encode())


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


def stop_orphans(paths: StatePaths) -> int:
    """Stop what a killed supervisor left; returns how many processes that were."""
    recorded: dict[int, list[Identity]] = {}
    for entry in read_json(paths.children) or []:
        identity = Identity(entry["pid"], entry["started"])
        recorded.setdefault(entry.get("stage", 0), []).append(identity)
    stopped = 0
    for stage in sorted(recorded, reverse=True):
        stopped += stop_processes(recorded[stage])
    return stopped + stop_processes(find_orphans(str(paths.root)))


def main(arguments: list[str] | None = None) -> None:
    """Take the stack over, stop what an earlier supervisor left, and serve."""
    parser = argparse.ArgumentParser(prog="python -m stack.supervisor")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--lifeline", type=int)
    given = parser.parse_args(arguments)
    paths = StatePaths(given.directory)
    # Servers make files of their own; those are nobody else's business either.
    os.umask(0o077)
    with (paths.root / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("Another supervisor keeps this stack.")
        if stopped := stop_orphans(paths):
            _log(f"stopped {stopped} processes of a killed supervisor")
        asyncio.run(Daemon(paths).run(given.lifeline))


if __name__ == "__main__":
    main()
