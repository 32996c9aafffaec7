"""Runs one role of one service: ``python -m chassis.launcher svc_sales rpc``.

Instead of ``nameko run``: settings come from the environment and are checked,
start-up waits for the broker and the database with a limit, SIGTERM drains
within a limit, and a container that died ends the process with an error.
"""

# ruff: noqa: E402 - the world is patched before anything else is imported
import os
import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
# Eventlet's own resolver ignores search domains and /etc/hosts options.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

import eventlet

eventlet.monkey_patch()

import argparse
import logging
import signal
import sys
import time
from typing import Any, Final

import eventlet.event
from nameko.containers import ServiceContainer
from pymongo.errors import PyMongoError

from chassis.config import MissingSettingError, number, setting
from chassis.container import Container
from chassis.health import Readiness, serve
from chassis.mongo import connect
from chassis.publishing import ConfirmingPublisher, NotPublishedError
from chassis.roles import ROLES, service_class
from chassis.telemetry import configure_logging

__all__ = ["main"]

logger = logging.getLogger(__name__)

_START_DEADLINE_S: Final = 60


def main() -> int:
    """Run until told to stop; 0 if that went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", help="for example svc_sales")
    parser.add_argument("role", choices=sorted(ROLES))
    arguments = parser.parse_args()
    configure_logging(
        f"{arguments.package.removeprefix('svc_')}-{arguments.role}",
        setting("LOG_LEVEL", "INFO"),
    )
    try:
        return _run(arguments.package, arguments.role)
    except (MissingSettingError, LookupError, PyMongoError, NotPublishedError) as error:
        logger.critical("cannot start", extra={"error": str(error)})
        return 1


def _run(package: str, role: str) -> int:
    amqp_uri = setting("AMQP_URI")
    config = {
        "AMQP_URI": amqp_uri,
        "HEARTBEAT": 20,
        "max_workers": number("MAX_WORKERS", 32 if role == "rpc" else 8),
    }
    _wait_for_servers(amqp_uri, setting("MONGO_URI"))
    container = Container(service_class(package, role), config)
    container.start()
    if address := setting("HEALTH_ADDRESS", ""):
        serve(address, Readiness(container))
    _stop_on_signal(container, number("DRAIN_S", 20))
    logger.info("started")
    try:
        container.wait()
    except Exception:
        logger.critical("container died", exc_info=True)
        return 1
    logger.info("stopped")
    return 0


def _wait_for_servers(amqp_uri: str, mongo_uri: str) -> None:
    """Try until both answer; give up, for the supervisor to see, after a minute."""
    deadline = time.monotonic() + _START_DEADLINE_S
    publisher = ConfirmingPublisher(amqp_uri)
    with connect(mongo_uri, "launcher") as client:
        while True:
            try:
                publisher.connect()
                client.admin.command("ping")
                break
            except (NotPublishedError, PyMongoError):
                if time.monotonic() > deadline:
                    raise
            eventlet.sleep(0.25)
    publisher.close()


def _stop_on_signal(container: ServiceContainer, drain_s: int) -> None:
    asked = eventlet.event.Event()

    def drain() -> None:
        asked.wait()
        logger.info("draining", extra={"limit_s": drain_s})
        watchdog = eventlet.spawn_after(drain_s, container.kill)
        container.stop()
        watchdog.cancel()

    def on_signal(_number: int, _frame: Any) -> None:
        if not asked.ready():
            # Not from within the handler: it may run on the hub itself.
            eventlet.hubs.get_hub().schedule_call_global(0, asked.send)

    eventlet.spawn_n(drain)
    for number_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number_, on_signal)


if __name__ == "__main__":
    sys.exit(main())
