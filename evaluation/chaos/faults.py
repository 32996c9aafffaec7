"""Doing to processes what the plan says, and seeing whether they come back."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from pymongo.errors import PyMongoError

from evaluation.chaos.plan import OUTAGE_S, Fault
from evaluation.chaos.reading import Operator
from stack.control import Supervisor
from stack.errors import StackError
from stack.orphans import Identity, identify
from stack.paths import StatePaths

__all__ = ["Faults", "Struck"]

_FIND_WITHIN_S: Final = 15.0
_LOOK_AGAIN_S: Final = 0.3
_FREEZE_S: Final = 3.0
# Longer than its lease, so that another takes over while it sleeps.
_RELAY_FREEZE_S: Final = 12.0
_RELAYS: Final = ("auth", "customer", "sales")
_ROLES: Final = frozenset({"rpc", "events"})
_SIGNALS: Final = {"kill": signal.SIGKILL, "term": signal.SIGTERM}


@dataclass(frozen=True)
class Struck:
    """A process to which something was done.

    Attributes:
        name: As ``./crm status`` shows it.
        is_replaced: Whether another process has to take its place.
    """

    name: str
    identity: Identity
    is_replaced: bool
    is_worker: bool = False


class Faults:
    """Carries out a plan beside the load."""

    def __init__(
        self, paths: StatePaths, operator: Operator, say: Callable[[str], None]
    ) -> None:
        self._supervisor = Supervisor(paths)
        self._operator = operator
        self._say = say
        self._is_over = threading.Event()
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="fault")
        self._doing: list[Future[Struck | None]] = []
        self._workers = len(self._gateway_workers())

    def start(self, plan: Sequence[Fault]) -> None:
        """Begin to do what the plan says, each fault at its time."""
        began = time.monotonic()
        self._doing = [self._pool.submit(self._do, fault, began) for fault in plan]

    def stop(self) -> list[Struck]:
        """Wait until all of it is done; whom it befell."""
        struck = [done.result() for done in self._doing]
        self._pool.shutdown()
        return [each for each in struck if each is not None]

    def abandon(self) -> None:
        """Do nothing more; what is stopped stays so."""
        self._is_over.set()
        self._pool.shutdown(cancel_futures=True)

    def not_back(self, struck: Sequence[Struck]) -> list[str]:
        """Those that run no more, or still, or whose place nobody took."""
        processes = {each["name"]: each for each in self.processes()}
        complaints = [
            f"{each['name']} is {each['state']}"
            for each in processes.values()
            if each["state"] != "running"
        ]
        for each in struck:
            now = processes[each.name]["pid"]
            if each.is_replaced and identify(each.identity.pid) == each.identity:
                complaints.append(f"{each.name} {each.identity.pid} still runs")
            if each.is_replaced and not each.is_worker and now is None:
                complaints.append(f"{each.name} has no process")
        workers = len(self._gateway_workers())
        if workers != self._workers:
            complaints.append(f"the gateway has {workers} workers, not {self._workers}")
        return complaints

    def processes(self) -> list[dict[str, Any]]:
        """What runs, as the supervisor sees it now."""
        answer: list[dict[str, Any]] = self._supervisor.ask("status", check=True)
        return answer

    def _do(self, fault: Fault, began: float) -> Struck | None:
        if self._is_over.wait(max(0.0, began + fault.at_s - time.monotonic())):
            return None
        found = self._find(fault)
        if found is None:
            self._say(f"{fault.at_s:5.1f} s  {fault.kind}: none was there")
            return None
        name, identity = found
        self._say(f"{fault.at_s:5.1f} s  {fault.kind}: {name} ({identity.pid})")
        self._act(fault, name, identity.pid)
        return Struck(
            name,
            identity,
            is_replaced=fault.kind.how != "freeze",
            is_worker=fault.kind.victim == "gateway-worker",
        )

    def _act(self, fault: Fault, name: str, pid: int) -> None:
        how = fault.kind.how
        if how == "restart":
            self._supervisor.ask("restart", names=[name])
        elif how == "outage":
            self._supervisor.ask("halt", names=[name])
            self._is_over.wait(OUTAGE_S)
            self._supervisor.ask("resume", names=[name])
        # It may have ended by itself in this very moment, of another fault.
        elif how == "freeze":
            is_relay = fault.kind.victim == "relay"
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._is_over.wait(_RELAY_FREEZE_S if is_relay else _FREEZE_S)
                os.kill(pid, signal.SIGCONT)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, _SIGNALS[how])

    def _find(self, fault: Fault) -> tuple[str, Identity] | None:
        """The victim; waits a while for one that is about to start again."""
        deadline = time.monotonic() + _FIND_WITHIN_S
        while time.monotonic() < deadline and not self._is_over.is_set():
            with contextlib.suppress(StackError, PyMongoError):
                for name, pid in self._candidates(fault):
                    identity = identify(pid)
                    if identity is not None:
                        return name, identity
            self._is_over.wait(_LOOK_AGAIN_S)
        return None

    def _candidates(self, fault: Fault) -> list[tuple[str, int]]:
        """Who may be meant, the one who is meant first."""
        victim = fault.kind.victim
        if victim == "gateway-worker":
            candidates = [("gateway", pid) for pid in self._gateway_workers()]
        else:
            candidates = [
                (each["name"], each["pid"])
                for each in self._supervisor.ask("status")
                if each["pid"] and self._is_meant(each, victim)
            ]
        if victim == "relay":
            holders = self._relay_holders()
            candidates = [each for each in candidates if each[1] in holders]
        Random(fault.pick).shuffle(candidates)  # noqa: S311 - repeatable
        return candidates

    @staticmethod
    def _is_meant(process: dict[str, Any], victim: str) -> bool:
        if victim == "service":
            return process["role"] in _ROLES
        if victim == "relay":
            return bool(process["role"] == "events")
        return bool(process["name"] == victim)

    def _relay_holders(self) -> set[int]:
        leases = (self._operator.relay_lease(service) for service in _RELAYS)
        return {int(lease["owner"].split(":")[1]) for lease in leases if lease}

    def _gateway_workers(self) -> list[int]:
        for process in self._supervisor.ask("status"):
            if process["name"] == "gateway" and process["pid"]:
                return sorted(_children(process["pid"]))
        return []


def _children(parent: int) -> list[int]:
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                children.append(int(stat.parent.name))
    return children
