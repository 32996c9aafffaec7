"""What runs, and how to reach it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from stack.control import Supervisor
from stack.errors import StackError
from stack.paths import StatePaths
from stack.principals import OPERATOR
from stack.private_files import read_json
from stack.processes import INFRASTRUCTURE, worker_names
from stack.settings import Settings

__all__ = ["collect_status", "memory_bytes", "print_status"]

_SHOWN: Final = ("name", "role", "pid", "port", "state", "restarts")
_KIB: Final = 1024


def collect_status(paths: StatePaths) -> dict[str, Any]:
    """The document of ``./crm status --json``; also of a stack that is down."""
    settings = Settings.load(paths)
    login = read_json(paths.secrets / "demo.json") or {}
    mail_port = settings.ports.get("mail")
    return {
        "processes": [
            {name: process[name] for name in _SHOWN} for process in _processes(paths)
        ],
        "gateway": f"http://127.0.0.1:{settings.gateway_port}",
        "demo": {name: login.get(name) for name in ("email", "password", "org_id")},
        "amqp_uri": _secret(paths, "amqp_uri"),
        "mongo_uri": _secret(paths, "mongo_uri"),
        "redis_url": _secret(paths, "redis_cache_url"),
        "smtp": f"smtp://127.0.0.1:{mail_port}" if mail_port else None,
        "mailbox": str(paths.mailbox),
    }


def _processes(paths: StatePaths) -> list[dict[str, Any]]:
    settings = Settings.load(paths)
    try:
        processes: list[dict[str, Any]] = Supervisor(paths).ask("status", check=True)
    except StackError:
        return _stopped(settings)
    return [*processes, *(_idle(name, "external") for name in settings.external)]


def _stopped(settings: Settings) -> list[dict[str, Any]]:
    servers = [name for name in INFRASTRUCTURE if name not in settings.external]
    workers = [name for _, _, name in worker_names(settings.scale)]
    return [_idle(name, "stopped") for name in (*servers, "gateway", *workers)]


def _idle(name: str, state: str) -> dict[str, Any]:
    role = INFRASTRUCTURE.get(name) or (name.split("-")[1] if "-" in name else name)
    return {
        "name": name,
        "role": role,
        "pid": None,
        "port": None,
        "state": state,
        "restarts": 0,
    }


def _secret(paths: StatePaths, name: str) -> str | None:
    path = paths.secrets_of(OPERATOR) / name
    return path.read_text().strip() if path.is_file() else None


def print_status(status: Mapping[str, Any], *, as_json: bool) -> None:
    """Show the document, to a program or to a person."""
    if as_json:
        print(json.dumps(status, indent=2))
        return
    memory = memory_bytes(process["pid"] for process in status["processes"])
    print(f"{'process':<20}{'state':<14}{'pid':>8}{'port':>7}{'restarts':>10}{'MB':>7}")
    for process in status["processes"]:
        pid = process["pid"]
        megabytes = memory.get(pid, 0) // 1_000_000 if pid else 0
        print(
            f"{process['name']:<20}{process['state']:<14}{pid or '-':>8}"
            f"{process['port'] or '-':>7}{process['restarts']:>10}"
            f"{megabytes or '-':>7}"
        )
    total = sum(memory.values()) // 1_000_000
    print(f"{'':<20}{'':<14}{'':>8}{'':>7}{'in all':>10}{total:>7}")
    print(f"\ngateway   {status['gateway']}")
    if status["demo"]["email"]:
        print(f"log in    {status['demo']['email']}  {status['demo']['password']}")
    print(f"mailbox   {status['mailbox']}")


def memory_bytes(pids: Iterable[int | None]) -> dict[int, int]:
    """The proportional memory of each process with all its descendants.

    Nothing where the system does not tell (no ``/proc``).
    """
    children = _children_of()
    return {pid: _subtree(pid, children) for pid in pids if pid}


def _subtree(pid: int, children: Mapping[int, list[int]]) -> int:
    below = sum(_subtree(child, children) for child in children.get(pid, ()))
    return _proportional_bytes(pid) + below


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    sizes = (line.split()[1] for line in lines if line.startswith("Pss:"))
    return sum(map(int, sizes)) * _KIB


def _children_of() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    return children
