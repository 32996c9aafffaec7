"""Figures for Prometheus: rate, errors and duration by route template.

Under gunicorn every worker writes to files in ``PROMETHEUS_MULTIPROC_DIR`` and
whichever is asked adds them up.
"""

from flask import Flask, request
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_flask_exporter import PrometheusMetrics

from gateway_flask.access_log import route_of

__all__ = ["Metrics"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The application's own figures and the exporter's."""

    def __init__(self, app: Flask) -> None:
        registry = CollectorRegistry()
        self._exporter = PrometheusMetrics(
            app,
            path=None,
            defaults_prefix="gateway",
            group_by=_route,
            excluded_paths=["/health/", "/metrics"],
            registry=registry,
        )
        self._unchecked = Counter(
            "gateway_limits_unchecked_total",
            "Requests that passed while Redis was away",
            ["limit"],
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
        app.before_request(_ignore_invented_methods)

    def count_unchecked(self, limit: str) -> None:
        """Count a request whose limit could not be asked for."""
        self._unchecked.labels(limit=limit).inc()

    def count_lookup(self, outcome: str) -> None:
        """Count a read that could have been answered from memory."""
        self._lookups[outcome].inc()

    def note_streams(self, count: int, ended: str | None) -> None:
        """Note how many streams this process has, and why one of them ended."""
        self._streams.set(count)
        if ended is not None:
            self._ended_streams.labels(reason=ended).inc()

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        text, content_type = self._exporter.generate_metrics()
        return text.encode(), content_type


def _route(request_: object) -> str:
    return route_of(request_)


# The exporter names the label after the function.
_route.__name__ = "route"


def _ignore_invented_methods() -> None:
    # Each method is a label, and anybody can invent methods.
    if request.method not in _METHODS:
        request.prom_do_not_track = True  # type: ignore[attr-defined]
