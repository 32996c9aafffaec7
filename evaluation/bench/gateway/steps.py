"""What each step of a request takes: ``python -m evaluation.bench.gateway.steps``.

Run with a gateway's settings. It reads tokens as one JSON line, calls each step
by itself over and over inside of a request, and prints microseconds.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from statistics import median
from typing import Any, Final

from flask import Flask, Response, g, request

from chassis.breaker import BreakerState
from chassis.calls import Reply
from chassis.ids import new_id
from chassis.telemetry import JsonFormatter
from chassis.trust import Trust
from gateway_flask.access_log import log_request
from gateway_flask.app import create_app
from gateway_flask.context import begin_request
from gateway_flask.inputs import body, operation_id, read_query
from gateway_flask.limits import Charge, Limiter
from gateway_flask.metrics import Metrics
from gateway_flask.settings import Settings
from svc_customer.schemas.contacts import CreateContactInput

__all__ = ["main"]

_ROUNDS: Final = 9
_CALLS: Final = 200
_QUERY: Final = "filter[lifecycle_stage]=customer&filter[source]=website&limit=50"
_CONTACT: Final = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "phone": "+44 20 7946 0000",
    "lifecycle_stage": "lead",
    "tags": ["newsletter", "vip"],
}

Step = Callable[[], Any]


class _AnswersAtOnce:
    """Stands where the bus is, so that the gateway is measured alone."""

    is_connected = True

    def __init__(self, contact: Mapping[str, Any]) -> None:
        self._reply = Reply(contact, {})

    def call(self, *_: Any, **__: Any) -> Reply:
        """The same answer to everything."""
        return self._reply

    def breakers(self) -> Mapping[str, BreakerState]:
        """There is no service that could be away."""
        return {}

    def begin(self, *_: Any, **__: Any) -> Any:
        """Nothing here asks for several things at once."""
        raise NotImplementedError

    def close(self) -> None:
        """There is nothing to close."""


def main() -> None:
    """Measure all steps in turn, round by round."""
    given = json.loads(sys.stdin.readline())
    _log_to_nowhere()
    settings = Settings.load()
    contact = {"id": new_id(), "version": 1, **_CONTACT}
    app = create_app(settings, bus=_AnswersAtOnce(contact))
    headers = {"Authorization": f"Bearer {given['token']}"}
    path = f"/v1/contacts/{contact['id']}"
    with app.test_request_context(
        f"{path}?{_QUERY}",
        method="POST",
        headers={**headers, "Idempotency-Key": "of-the-benchmark"},
        json=_CONTACT,
    ):
        steps = _steps(settings, given["token"], given["fresh"])
        steps |= _whole(app, path, headers)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
        for _ in range(_ROUNDS):
            for name, step in steps.items():
                taken[name].append(_time(step))
    found = {
        name: {
            "us": median(wall for wall, _ in each),
            "cpu_us": median(cpu for _, cpu in each),
        }
        for name, each in taken.items()
    }
    print(json.dumps(found), flush=True)
    os._exit(0)


def _log_to_nowhere() -> None:
    """The lines are made as ever; who takes them costs another process."""
    handler = logging.StreamHandler(open(os.devnull, "w"))  # noqa: PTH123, SIM115
    handler.setFormatter(JsonFormatter("gateway"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel("INFO")


def _time(step: Step) -> tuple[float, float]:
    """Microseconds of one call: by the clock, and of this process's CPU."""
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(_CALLS):
        step()
    took = time.perf_counter() - started
    return took / _CALLS * 1e6, (time.process_time() - cpu) / _CALLS * 1e6


def _steps(settings: Settings, token: str, fresh: Sequence[str]) -> dict[str, Step]:
    """The steps of a request that is under way."""
    begin_request(request, settings.trusted_proxies)
    verifier = Trust(settings.keys)
    forgetful = Trust(settings.keys, capacity=1)
    limiter = Limiter(settings.redis_state_url, settings.limits)
    caller = g.caller = verifier.verify(token)
    charges = [Charge("read", f"{caller.org_id}:{caller.principal_id}")]
    response = Response("{}", content_type="application/json")
    next_token: Iterator[str] = cycle(fresh)
    schema = CreateContactInput()

    def begin() -> None:
        begin_request(request, settings.trusted_proxies)
        g.caller = caller

    def read_body() -> None:
        g.pop("body", None)
        body()

    return {
        "token, remembered": lambda: verifier.verify(token),
        "token, fresh": lambda: forgetful.verify(next(next_token)),
        "rate limit": lambda: limiter.check(charges),
        "idempotency key, at the gateway": operation_id,
        "request id, trace, address": begin,
        "access log": lambda: log_request(response),
        "query string": read_query,
        "body: JSON, its size and depth": read_body,
        "body against its schema, at the service": lambda: schema.load(_CONTACT),
    }


def _whole(app: Flask, path: str, headers: Mapping[str, str]) -> dict[str, Step]:
    """Whole requests through WSGI: the gateway, bare Flask, Flask with metrics."""
    bare, counted = Flask("bare"), Flask("counted")
    Metrics(counted)
    for each in (bare, counted):
        each.add_url_rule("/v1/contacts/<contact_id>", "get", _answer)
    return {
        "bare Flask": _getter(bare, path, headers),
        "Flask with metrics": _getter(counted, path, headers),
        "the whole gateway": _getter(app, path, headers),
    }


def _answer(contact_id: str) -> Response:
    return Response(json.dumps({"id": contact_id}), content_type="application/json")


def _getter(app: Flask, path: str, headers: Mapping[str, str]) -> Step:
    environ = app.test_request_context(
        path, headers={**headers, "Cache-Control": "no-cache"}
    ).request.environ

    def get() -> None:
        def start_response(status: str, _headers: Any, _info: Any = None) -> Any:
            if not status.startswith("200"):
                raise ValueError(status)

        given = {
            name: value
            for name, value in environ.items()
            if not name.startswith("werkzeug.")
        }
        for chunk in app.wsgi_app(given, start_response):
            len(chunk)

    return get


if __name__ == "__main__":
    main()
