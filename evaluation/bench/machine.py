"""On what a benchmark ran: without it a figure says nothing."""

import importlib.metadata
import os
import platform
from typing import Any, Final

from evaluation.bench.servers import Servers

__all__ = ["describe"]

_PACKAGES: Final = ("nameko", "kombu", "amqp", "pika", "pymongo", "gunicorn", "flask")


def describe(servers: Servers) -> dict[str, Any]:
    """Cores, versions, and how busy the machine was before we began.

    ``load_average`` is that of the last minute; above a few tenths somebody
    else was at work, and absolute figures are too low.
    """
    with servers.database() as client:
        mongodb = client.server_info()["version"]
    connection = servers.broker()
    # Pika keeps what the broker said of itself to itself.
    properties = connection._impl.server_properties  # noqa: SLF001
    connection.close()
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "rabbitmq": properties["version"],
        "mongodb": mongodb,
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        "load_average": round(os.getloadavg()[0], 2),
    }
