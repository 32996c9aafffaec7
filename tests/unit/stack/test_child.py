import asyncio
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from stack.child import Child
from stack.orphans import identify
from stack.ports import choose_port
from stack.probes import Probe
from stack.specs import ProcessSpec

WAITS_FOR_EVER = "import signal; signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf',"
    " flush=True); [signal.pause() for _ in iter(int, 1)]"
)

ANSWERS = """
import os, socket
listener = socket.socket(fileno=int(os.environ["DOOR"].removeprefix("fd://")))
listener.setblocking(True)
while True:
    client, _ = listener.accept()
    client.sendall(b"here")
    client.close()
"""


class Watched:
    """One child, and the states it went through."""

    def __init__(
        self, log, code, probers, *, ready=None, stop_timeout_s=5.0, port=None
    ):
        self.states = []
        self._changed = asyncio.Event()
        spec = ProcessSpec(
            name="program",
            role="test",
            stage=0,
            command=(sys.executable, "-c", code),
            environment={},
            directory="/",
            port=port,
            ready=ready or Probe(),
            alive=Probe(),
            stop_timeout_s=stop_timeout_s,
            listens="DOOR" if port else None,
        )
        self.child = Child(spec, log, probers, self._note)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.child.reap)
        self.child.start()

    def _note(self, child):
        self.states.append(child.state)
        self._changed.set()

    async def reach(self, state, times=1):
        async with asyncio.timeout(10):
            while self.states.count(state) < times:
                self._changed.clear()
                await self._changed.wait()


async def eventually(condition):
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@pytest.fixture
def run(tmp_path):
    """Runs a coroutine function with a factory of watched children."""

    def runner(test):
        async def body():
            with ThreadPoolExecutor(1) as probers:
                await test(
                    lambda code, **options: Watched(
                        tmp_path / "program.log", code, probers, **options
                    )
                )

        asyncio.run(body())

    return runner


class TestChild:
    def test_starts_a_killed_process_again(self, run):
        async def test(watch):
            watched = watch(WAITS_FOR_EVER)
            await watched.reach("running")
            os.kill(watched.child.pid, signal.SIGKILL)
            await watched.reach("running", times=2)
            restarts, reason = watched.child.restarts, watched.child.last_exit
            await watched.child.stop()

            assert restarts == 1
            assert reason == "SIGKILL"

        run(test)

    def test_is_stopped_by_force_when_it_does_not_listen(self, run, tmp_path):
        async def test(watch):
            watched = watch(STUBBORN, stop_timeout_s=0.2)
            await eventually((tmp_path / "program.log").exists)
            await eventually((tmp_path / "program.log").read_text)
            await watched.child.stop()

            assert watched.child.pid is None
            assert watched.states[-2:] == ["stopping", "stopped"]

        run(test)

    def test_takes_the_rest_of_its_process_group_along(self, run, tmp_path):
        async def test(watch):
            watched = watch(
                "import os, signal; print(os.fork(), flush=True); signal.pause()"
            )
            log = tmp_path / "program.log"
            await eventually(log.exists)
            await eventually(lambda: log.read_text().count("\n") == 2)
            grandchild = max(int(line) for line in log.read_text().split())
            await watched.child.stop()

            await eventually(lambda: identify(grandchild) is None)

        run(test)

    def test_reports_a_crash_loop_and_can_be_stopped_in_it(self, run):
        async def test(watch):
            watched = watch("raise SystemExit(7)", ready=Probe("tcp", "127.0.0.1:1"))
            watched.child._backoff.failures = 5
            await watched.reach("crash-loop")
            reason = watched.child.last_exit
            await watched.child.stop()

            assert reason == "exit code 7"
            assert watched.child.state == "stopped"

        run(test)

    def test_tries_at_once_when_told_to_start_in_a_crash_loop(self, run):
        async def test(watch):
            watched = watch("raise SystemExit(7)", ready=Probe("tcp", "127.0.0.1:1"))
            watched.child._backoff.failures = 5
            await watched.reach("crash-loop")
            watched.child.start()
            state = watched.child.state
            await watched.reach("starting", times=2)
            await watched.child.stop()

            assert state == "backoff"

        run(test)

    def test_waits_with_being_ready_until_it_answers(self, run):
        async def test(watch):
            watched = watch(WAITS_FOR_EVER, ready=Probe("tcp", "127.0.0.1:1"))
            await watched.reach("starting")
            await asyncio.sleep(0.1)
            states = list(watched.states)
            await watched.child.stop()

            assert states == ["starting"]

        run(test)


async def ask(port):
    """What the child answers; None if nobody listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return None
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


class TestAListeningChild:
    def test_keeps_who_connects_waiting_while_it_starts_anew(self, run):
        async def test(watch):
            port = choose_port(())
            watched = watch(ANSWERS, port=port)
            await watched.reach("running")
            os.kill(watched.child.pid, signal.SIGKILL)
            await watched.reach("backoff")
            after_a_crash = await ask(port)
            restarting = asyncio.create_task(watched.child.restart())
            await watched.reach("stopped")
            while_restarting = await ask(port)
            await restarting
            await watched.child.stop()

            assert (after_a_crash, while_restarting) == (b"here", b"here")
            assert await ask(port) is None

        run(test)

    def test_refuses_at_once_when_it_is_not_going_to_come(self, run):
        async def test(watch):
            port = choose_port(())
            watched = watch("raise SystemExit(7)", port=port)
            watched.child._backoff.failures = 5
            await watched.reach("crash-loop")
            answer = await ask(port)
            await watched.child.stop()

            assert answer is None

        run(test)

    def test_says_that_its_port_is_taken(self, run):
        async def test(watch):
            with socket.create_server(("127.0.0.1", 0)) as taken:
                watched = watch(ANSWERS, port=taken.getsockname()[1])
                await watched.reach("backoff")
                reason = watched.child.last_exit
                await watched.child.stop()

            assert "in use" in reason

        run(test)
