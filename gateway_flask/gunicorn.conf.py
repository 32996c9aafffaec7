# ruff: noqa: N999 - gunicorn finds its settings by this name
"""How gunicorn runs the gateway: worker processes with threads."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from chassis.config import number, setting
from chassis.telemetry import configure_logging
from gateway_flask.arrival import MAX_LINE

configure_logging("gateway", setting("LOG_LEVEL", "INFO"))

bind = setting("GATEWAY_BIND", "127.0.0.1:8000")
workers = number("GATEWAY_WORKERS", 2)
threads = number("GATEWAY_THREADS", 16)
worker_class = "gateway_flask.server.GatewayWorker"
logger_class = "gateway_flask.server.GatewayLogger"
worker_connections = number("GATEWAY_CONNECTIONS", 1_000)
backlog = 1_024
# It would make a thread wait until the client has taken the whole file.
sendfile = False
timeout = 30
graceful_timeout = 15
# Longer than the idle time of common load balancers, so that they close first.
keepalive = 65
limit_request_line = MAX_LINE
limit_request_fields = 64
limit_request_field_size = 16_380
control_socket_disable = True
# Schemes and addresses of clients are the application's to judge.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
proc_name = "rapport-gateway"

# Workers of one gateway add their figures up in files of this directory.
_PREFIX = "rapport-gateway-metrics-"
_figures = Path(
    os.environ.get("PROMETHEUS_MULTIPROC_DIR") or tempfile.mkdtemp(prefix=_PREFIX)
)
_figures.mkdir(parents=True, exist_ok=True)
# Kept when this file is read anew (SIGHUP).
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_figures)


def on_starting(_server: Any) -> None:
    """Forget the figures of an earlier run."""
    for path in _figures.glob("*.db"):
        path.unlink(missing_ok=True)


def child_exit(server: Any, worker: Any) -> None:
    """Stop counting a dead worker's gauges, and keep its sums with all others'."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

    from gateway_flask.figures import add_up  # noqa: PLC0415

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
    try:
        add_up(_figures, server.WORKERS.keys())
    except Exception:  # noqa: BLE001 - whatever became of figures, others are served
        server.log.warning("Figures of a worker that is gone could not be kept.")


def worker_exit(_server: Any, worker: Any) -> None:
    """Close the worker's connections to clients of streams and to the broker."""
    application = getattr(worker, "wsgi", None)
    if application is not None:
        application.extensions["streams"].close()
        application.extensions["bus"].close()
        application.extensions["feed"].close()


def on_exit(_server: Any) -> None:
    """Leave nothing behind."""
    if _figures.name.startswith(_PREFIX):
        shutil.rmtree(_figures, ignore_errors=True)
