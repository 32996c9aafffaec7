"""A private RabbitMQ node: its configuration and its environment."""

import base64
import http.client
import json
from pathlib import Path
from typing import Final

from stack.errors import StackError
from stack.paths import ROOT, StatePaths
from stack.private_files import write_private
from stack.secrets import render_definitions

__all__ = ["grant_rights", "node_environment", "render"]

_DEFINITIONS: Final = "definitions.json"
_RIGHTS: Final = ("permissions", "topic_permissions", "policies")
_TIMEOUT_S: Final = 10


def render(paths: StatePaths, ports: dict[str, int]) -> None:
    """Write what the node reads at its start: configuration, plugins, definitions."""
    directory = paths.data_of("rabbitmq")
    home = directory / "home"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    common = (ROOT / "rabbitmq" / "rabbitmq.conf").read_text()
    local = f"""
listeners.tcp.1 = 127.0.0.1:{ports["rabbitmq"]}
management.tcp.ip = 127.0.0.1
management.tcp.port = {ports["rabbitmq-management"]}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {ports["rabbitmq-prometheus"]}
load_definitions = {directory / _DEFINITIONS}
"""
    write_private(directory / "rabbitmq.conf", common + local)
    plugins = (ROOT / "rabbitmq" / "enabled_plugins").read_text()
    write_private(directory / "enabled_plugins", plugins)
    render_definitions(
        paths.secrets, ROOT / "rabbitmq" / _DEFINITIONS, directory / _DEFINITIONS
    )
    cookie = home / ".erlang.cookie"
    write_private(cookie, (paths.secrets / "rabbitmq" / "erlang_cookie").read_text())
    # Erlang refuses a cookie that its owner could change by accident.
    cookie.chmod(0o400)


def grant_rights(port: int, user: str, password: str) -> None:
    """Bring everybody's rights on the running node to what the code declares.

    A node reads its definitions only when it starts.

    Args:
        port: The node's management port.
        user: Somebody with the administrator tag.
        password: Theirs.

    Raises:
        StackError: The node refuses.
        OSError: The node does not answer.
    """
    declared = json.loads((ROOT / "rabbitmq" / _DEFINITIONS).read_text())
    body = json.dumps({name: declared[name] for name in _RIGHTS})
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {
        "Authorization": f"Basic {credentials}",
        "Content-Type": "application/json",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", "/api/definitions", body, headers)
        response = connection.getresponse()
        answer = response.read().decode(errors="replace")
    finally:
        connection.close()
    if response.status >= http.client.BAD_REQUEST:
        raise StackError(f"RabbitMQ refuses the rights: {response.status} {answer}")


def node_environment(directory: Path, ports: dict[str, int]) -> dict[str, str]:
    """What keeps this node apart from every other on the machine.

    It has its own epmd, cookie and home, and listens on the loopback
    interface only, Erlang's distribution port included.
    """
    return {
        "HOME": str(directory / "home"),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "RABBITMQ_NODENAME": "rapport@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports["rabbitmq"]),
        "RABBITMQ_DIST_PORT": str(ports["rabbitmq-distribution"]),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1}"
            " +sbwt none +sbwtdcpu none +sbwtdio none"
        ),
        # The start script then becomes the node itself, so that the process
        # we started is the one that signals reach.
        "RUNNING_UNDER_SYSTEMD": "true",
    }
