import json
import os
import threading
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def status():
    path = os.environ.get("RAPPORT_STATUS_FILE")
    if not path:
        pytest.skip("RAPPORT_STATUS_FILE names no running stack")
    return json.loads(Path(path).read_text())


@pytest.fixture(scope="session")
def secret(status):
    """Reads a principal's own secret: ``secret("sales", "amqp_uri")``."""
    state = Path(status["mailbox"]).parent

    def read(principal, name):
        return (state / "secrets" / principal / name).read_text().strip()

    return read


@pytest.fixture
def until():
    """Ask again until the answer is truthy; the answer, or a failure."""

    def wait(condition, within_s=20):
        deadline = time.monotonic() + within_s
        pause = threading.Event()
        while True:
            answer = condition()
            if answer:
                return answer
            assert time.monotonic() < deadline, "the condition did not come true"
            pause.wait(0.1)

    return wait
