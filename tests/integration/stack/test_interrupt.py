"""Ctrl-C in the first moments of a command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
# Not by way of a version manager's shell script, which blocks signals as well.
CRM = [sys.executable, "crm"]
BIT = 1 << (signal.SIGINT - 1)


@pytest.fixture
def start(tmp_path):
    """Starts a command that would go on until it is interrupted."""

    def run(command):
        return subprocess.Popen(  # noqa: S603 - our own command
            [*command, "logs", "-f"],
            cwd=ROOT,
            env={**os.environ, "RAPPORT_STATE_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


@pytest.fixture
def holding_back():
    """What is started meanwhile gets Ctrl-C, but not before it asks for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture(autouse=True)
def heard():
    """Ctrl-C reaches what is started, even where these tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def holds_back(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigBlk:"))
    return int(mask.split()[1], 16) & BIT


def assert_quiet(process):
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.startswith("crm: interrupted")
    assert "Traceback" not in errors


class TestCtrlC:
    def test_is_answered_quietly_as_soon_as_it_is_heard(self, start, until):
        process = start(CRM)
        # It does so while it imports, which may be over in a moment.
        until(lambda: holds_back(process), pause_s=0.001)

        process.send_signal(signal.SIGINT)
        assert_quiet(process)

    @pytest.mark.usefixtures("holding_back")
    @pytest.mark.parametrize(
        "command", [CRM, [str(Path(sys.executable).with_name("rapport"))]]
    )
    def test_is_not_forgotten_while_python_starts(self, start, command):
        process = start(command)

        process.send_signal(signal.SIGINT)
        assert_quiet(process)
