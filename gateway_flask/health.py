"""Whether this process can serve, and what it depends on."""

import threading
import time
from typing import Any, Final

from chassis.calls import PendingCall
from chassis.errors import RemoteError, UnavailableError, WireError
from gateway_flask.bus import Bus
from gateway_flask.limits import Limiter

__all__ = ["SERVICES", "Readiness"]

SERVICES: Final = ("auth", "customer", "sales", "analytics", "notify")
_DEADLINE_S: Final = 1.0
_SHARED_FOR_S: Final = 1.0


class Readiness:
    """Asks every dependency at once, at most once a second for all who ask."""

    def __init__(self, bus: Bus, limiter: Limiter) -> None:
        self._bus = bus
        self._limiter = limiter
        self._lock = threading.Lock()
        self._report: dict[str, Any] = {}
        self._asked_at = 0.0
        self._is_draining = False

    def drain(self) -> None:
        """Report ``unavailable`` from now on: this process is stopping."""
        self._is_draining = True

    def report(self) -> tuple[dict[str, Any], bool]:
        """The state of everything, and whether requests should be sent here.

        A service that is down makes its own routes fail, not this process:
        only without a broker, or while stopping, is nothing served.
        """
        with self._lock:
            if time.monotonic() > self._asked_at + _SHARED_FOR_S or not self._report:
                self._report = self._ask()
                self._asked_at = time.monotonic()
            dependencies = self._report
        is_ready = dependencies["broker"]["status"] == "ok" and not self._is_draining
        all_well = all(one["status"] == "ok" for one in dependencies.values())
        status = "ok" if all_well else "degraded"
        report = {
            "status": status if is_ready else "unavailable",
            "dependencies": dependencies,
        }
        return report, is_ready

    def _ask(self) -> dict[str, Any]:
        pending: dict[str, PendingCall | None] = {}
        for service in SERVICES:
            try:
                pending[service] = self._bus.begin(
                    service,
                    "check_health",
                    kwargs={},
                    context={},
                    timeout_s=_DEADLINE_S,
                )
            except UnavailableError:
                pending[service] = None
        services = {name: {"status": _status(call)} for name, call in pending.items()}
        return {
            "broker": {"status": "ok" if self._bus.is_connected else "unavailable"},
            "redis": {"status": "ok" if self._limiter.ping() else "unavailable"},
            **services,
        }


def _status(call: PendingCall | None) -> str:
    if call is None:
        return "unavailable"
    try:
        result = call.result().result
    except (WireError, RemoteError):
        return "unavailable"
    status = result.get("status") if isinstance(result, dict) else None
    return status if status in ("ok", "degraded", "unavailable") else "ok"
