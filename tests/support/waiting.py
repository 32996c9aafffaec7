"""Waiting for what must come true."""

import threading
import time


def until(condition, within_s=30, pause_s=0.1):
    """Ask again until the answer is truthy; the answer, or a failure."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, "the condition did not come true in time"
        pause.wait(pause_s)
