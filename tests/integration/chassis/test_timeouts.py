"""Ten thousand calls that nobody answers in time."""

import json
import subprocess
import sys

import pytest

from stack.paths import ROOT

pytestmark = pytest.mark.integration

CALLS = 10_000
# Calls in a process of its own, whose memory is nobody else's.
SCRIPT = """
import gc, json, sys, threading
from pathlib import Path
from chassis.errors import DeadlineExceededError
from chassis.rpc_client import RpcClient
uri, calls, pages = sys.argv[1], int(sys.argv[2]), 0
client = RpcClient(uri, "gateway")
outcomes = {}
lock = threading.Lock()

def ask(method, timeout_s, **kwargs):
    return client.call(
        "probe", method, kwargs=kwargs, context={}, timeout_s=timeout_s
    ).result

def run_out_of_time(count):
    for _ in range(count):
        try:
            ask("nap", 0.05, seconds=0.2)
            outcome = "answered"
        except Exception as error:
            outcome = f"{type(error).__name__} {getattr(error, 'code', error)}"
        with lock:
            outcomes[outcome] = outcomes.get(outcome, 0) + 1

def spread(count):
    threads = [
        threading.Thread(target=run_out_of_time, args=(count // 80,))
        for _ in range(80)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def memory_kb():
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

ask("echo", 5)
spread(calls // 5)
before = memory_kb()
spread(calls * 4 // 5)
after = memory_kb()
found = {
    "outcomes": outcomes, "before": before, "after": after,
    "in_flight": client.in_flight, "answer": ask("echo", 5, value="well"),
}
print(json.dumps(found), flush=True)
sys.stdin.readline()
client.close()
"""


class TestTenThousandTimeouts:
    def test_leave_nothing_behind(self, world):
        (worker,) = world.start_all("rpc")
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", SCRIPT, world.broker.uri, str(CALLS)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            found = json.loads(process.stdout.readline())
            channels = world.broker.channels(f"gateway-{process.pid}")
            process.stdin.write("\n")

        assert process.returncode == 0
        assert found["outcomes"] == {"DeadlineExceededError deadline_exceeded": CALLS}
        assert (found["in_flight"], found["answer"]) == (0, "well")
        # One for the calls and one for the liveness of services.
        assert channels == [2]
        assert found["after"] - found["before"] < 4_000
        # What was delivered and not acknowledged would come back.
        worker.terminate()
        assert worker.exit_code() == 0
        assert world.broker.waiting("rpc-probe") == 0
