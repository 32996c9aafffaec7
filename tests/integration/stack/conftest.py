import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pika
import pytest
from pymongo import MongoClient

from chassis.ids import new_id
from chassis.topology import queue_arguments
from stack.broker import operator_connection
from stack.dead_letters import DeadLetters, Selection
from stack.paths import StatePaths

ROOT = Path(__file__).parents[3]


@pytest.fixture
def paths(status):
    return StatePaths(Path(status["mailbox"]).parent)


@pytest.fixture
def crm(paths):
    """Runs a command; its exit code, output and complaints."""

    def run(*arguments, given=None):
        ended = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "stack.cli", *arguments],
            cwd=ROOT,
            env={**os.environ, "RAPPORT_STATE_DIR": str(paths.root)},
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


@pytest.fixture
def channel(paths):
    with operator_connection(paths) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel


@pytest.fixture
def database(status):
    with MongoClient(status["mongo_uri"], tz_aware=True) as client:
        yield client


@pytest.fixture
def park(channel, paths):
    """Puts a message among a service's dead letters; it is gone after the test."""
    parked = []

    def put(body, queue, service="sales", **headers):
        identity = new_id()
        parked.append((service, identity))
        channel.basic_publish(
            "dead-letters",
            service,
            body,
            pika.BasicProperties(
                message_id=identity,
                delivery_mode=2,
                headers={
                    "x-attempt": 6,
                    "x-reason": "Broken: by hand",
                    "x-queue": queue,
                    "x-at": int(time.time()),
                    **headers,
                },
            ),
            mandatory=True,
        )
        return identity

    yield put
    for service, identity in parked:
        with operator_connection(paths) as connection:
            dead_letters = DeadLetters(connection)
            found = dead_letters.find(Selection(service=service)).letters
            if identity in {each.id for each in found}:
                dead_letters.discard(Selection((identity,), service))


@pytest.fixture
def quiet_queue(channel):
    """A handler's queue that nobody consumes."""
    name = f"evt-auth-test--sales.on_{uuid.uuid4().hex}"
    channel.queue_declare(name, durable=True, arguments=queue_arguments("sales"))
    yield name
    channel.queue_delete(name)
