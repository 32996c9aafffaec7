"""Figures for Prometheus: requests by route template, and what they wait for.

Under gunicorn every worker writes to files in ``PROMETHEUS_MULTIPROC_DIR`` and
whichever is asked adds them up. The exporter would record requests, too, at
several times the cost: every label is looked up once per process here.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_flask_exporter import PrometheusMetrics

from chassis.breaker import BreakerState
from chassis.errors import (
    DeadlineExceededError,
    RemoteError,
    UnavailableError,
)
from gateway_flask.access_log import route_of
from gateway_flask.figures import read_files

__all__ = ["Metrics", "outcome_of"]

_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
)
_EXCLUDED: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
_OPENNESS: Final = {
    BreakerState.CLOSED: 0,
    BreakerState.HALF_OPEN: 1,
    BreakerState.OPEN: 2,
}
_TROUBLES: Final = frozenset({"timed_out", "unavailable"})


class Metrics:
    """The application's figures."""

    def __init__(self, app: Flask) -> None:
        registry = CollectorRegistry()
        self._exporter = PrometheusMetrics(
            app, path=None, export_defaults=False, registry=registry
        )
        self._children: dict[tuple[Any, ...], Any] = {}
        self._is_troubled = False
        self._requests = Histogram(
            "gateway_http_request_duration_seconds",
            "How long requests took, but for those about health and figures",
            ["method", "route", "status"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "gateway_http_requests_in_flight",
            "Requests that are being worked on",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._calls = Histogram(
            "gateway_rpc_duration_seconds",
            "How long calls of services took: ok, refused, failed, timed_out, "
            "unavailable",
            ["service", "method", "outcome"],
            registry=registry,
        )
        self._breakers = Gauge(
            "gateway_breaker_state",
            "0 closed, 1 half-open, 2 open, or nobody serves the queue; the worst "
            "of all processes",
            ["service"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._unchecked = Counter(
            "gateway_limits_unchecked_total",
            "Requests that passed while Redis was away",
            ["limit"],
            registry=registry,
        )
        self._refused = Counter(
            "gateway_requests_refused_total",
            "What was refused before the application heard of it",
            ["code"],
            registry=registry,
        )
        lookups = Counter(
            "gateway_cache_lookups_total",
            "Reads that could be answered from memory, by how they were",
            ["outcome"],
            registry=registry,
        )
        self._lookups = {
            outcome: lookups.labels(outcome=outcome)
            for outcome in ("hit", "miss", "bypass")
        }
        self._streams = Gauge(
            "gateway_streams",
            "Streams that are open",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._ended_streams = Counter(
            "gateway_streams_ended_total",
            "Streams that ended",
            ["reason"],
            registry=registry,
        )
        app.before_request(self._begin)
        app.after_request(self._note_response)
        app.teardown_request(self._end)

    def count_unchecked(self, limit: str) -> None:
        """Count a request whose limit could not be asked for."""
        self._unchecked.labels(limit=limit).inc()

    def count_refused(self, code: str) -> None:
        """Count what was too late, too much, or no HTTP."""
        self._refused.labels(code=code).inc()

    def count_lookup(self, outcome: str) -> None:
        """Count a read that could have been answered from memory."""
        self._lookups[outcome].inc()

    def note_streams(self, count: int, ended: str | None) -> None:
        """Note how many streams this process has, and why one of them ended."""
        self._streams.set(count)
        if ended is not None:
            self._ended_streams.labels(reason=ended).inc()

    def note_call(
        self,
        service: str,
        method: str,
        outcome: str,
        duration_s: float,
        breakers: Callable[[], Mapping[str, BreakerState]],
    ) -> None:
        """Note how a call went; and the breakers, if there is trouble or was."""
        self._child(self._calls, service, method, outcome).observe(duration_s)
        if self._is_troubled or outcome in _TROUBLES:
            self.note_breakers(breakers())

    def note_breakers(self, states: Mapping[str, BreakerState]) -> None:
        """Note the state of every service's breaker in this process."""
        for service, state in states.items():
            self._child(self._breakers, service).set(_OPENNESS[state])
        self._is_troubled = any(
            state is not BreakerState.CLOSED for state in states.values()
        )

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        text, content_type = read_files(self._exporter.generate_metrics)
        return text.encode(), content_type

    def _child(self, metric: Any, *labels: Any) -> Any:
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _begin(self) -> None:
        g.in_flight_since = time.monotonic()
        self._in_flight.inc()

    def _end(self, _error: BaseException | None = None) -> None:
        if g.pop("in_flight_since", None) is not None:
            self._in_flight.dec()

    def _note_response(self, response: Response) -> Response:
        route, method = route_of(request), request.method
        # Each method is a label, and anybody can invent methods.
        if route not in _EXCLUDED and method in _METHODS:
            child = self._child(self._requests, method, route, response.status_code)
            child.observe(time.monotonic() - g.in_flight_since)
        return response


def outcome_of(error: Exception | None) -> str:
    """How a call ended, in the words of the figures."""
    if error is None:
        return "ok"
    if isinstance(error, DeadlineExceededError):
        return "timed_out"
    if isinstance(error, UnavailableError):
        return "unavailable"
    return "failed" if isinstance(error, RemoteError) else "refused"
