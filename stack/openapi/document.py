"""The whole document."""

import importlib
import inspect
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

from stack.openapi.codes import codes_of
from stack.openapi.components import Schemas
from stack.openapi.contracts import contract_of
from stack.openapi.events import event_table
from stack.openapi.headers import ANSWER_HEADERS, REQUEST_HEADERS
from stack.openapi.listing import DAY, MOMENT, PAGE
from stack.openapi.operations import operation
from stack.openapi.problems import (
    CONFLICTS,
    FIELD_PROBLEMS,
    PROBLEM,
    Problems,
    registry,
)
from stack.openapi.refusals import OAUTH_ERROR
from stack.openapi.routes import Route, routes
from stack.openapi.sections import SECTION
from stack.paths import ROOT

__all__ = ["document"]

_SECURITY: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`access_token` of `POST /v1/auth/login`.",
    },
    "client": {
        "type": "http",
        "scheme": "basic",
        "description": "`client_id` and `client_secret` of an application (RFC 6749 "
        "§2.3.1); both may be in the form instead.",
    },
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "`ticket` of `POST /v1/stream-tickets`; good for one stream.",
    },
}


def document() -> dict[str, Any]:
    """The interface as OpenAPI 3.1 describes it.

    Raises:
        UndescribedRouteError: A route's docstrings leave something out.
        KeyError: One names a schema that no service publishes.
    """
    found = list(routes())
    schemas, problems = Schemas(), Problems()
    for route in found:
        problems.count(codes_of(route))
    paths: dict[str, dict[str, Any]] = {}
    for route in found:
        described = operation(route, schemas, problems)
        paths.setdefault(route.path, {})[route.method] = described
    _link(found, paths, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rapport",
            "version": version("rapport"),
            "summary": "An event-driven CRM.",
            "description": _introduction(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this was read."}],
        "tags": list(_tags(found)),
        "paths": paths,
        "components": {
            "schemas": {
                **schemas.components(),
                "Conflicts": CONFLICTS,
                "Day": DAY,
                "FieldProblems": FIELD_PROBLEMS,
                "Moment": MOMENT,
                "OAuthError": OAUTH_ERROR,
                "Page": PAGE,
                "Problem": PROBLEM,
                "Section": SECTION,
            },
            "responses": problems.components(),
            "parameters": REQUEST_HEADERS,
            "headers": ANSWER_HEADERS,
            "securitySchemes": _SECURITY,
        },
        # Its page says what a code means (``gateway_flask.reference``).
        "x-problems": {
            code: {"status": status, "when": when}
            for code, (status, when) in registry().items()
        },
    }


def _introduction() -> str:
    _, _, text = (ROOT / "docs" / "http.md").read_text().partition("\n")
    return text.strip()


def _tags(found: list[Route]) -> Iterator[dict[str, str]]:
    # Where a resource has routes of several kinds, the gateway's own tell.
    ordered = sorted(found, key=lambda route: route.rpc is None)
    told = {route.resource: _told(route) for route in ordered}
    told["events"] += f"\n\n{event_table()}"
    for name in sorted(told):
        yield {"name": name, "description": told[name]}


def _told(route: Route) -> str:
    """What the class or module says that the route belongs to."""
    if route.rpc is None:
        source: Any = inspect.getmodule(route.view)
    else:
        module = importlib.import_module(route.rpc.__module__)
        source = getattr(module, route.rpc.__qualname__.partition(".")[0])
    return contract_of(source).summary


def _link(found: list[Route], paths: dict[str, Any], schemas: Schemas) -> None:
    """Say what can be done next with the ids in an answer."""
    for source in found:
        if source.method != "post" or source.contract.returns is None:
            continue
        names = schemas.names(source.contract.returns)
        links = {
            target.name: {
                "operationId": target.name,
                "parameters": {name: f"$response.body#/{field}"},
            }
            for target in found
            for name, kind in target.converters.items()
            if kind == "id"
            for field in _fields_for(source, target, name, names)
        }
        responses = paths[source.path][source.method]["responses"]
        if links:
            success = next(each for each in responses if each.startswith("2"))
            responses[success]["links"] = links


def _fields_for(
    source: Route, target: Route, name: str, fields: list[str]
) -> Iterator[str]:
    if list(target.converters) != [name]:
        return
    if "id" in fields and target.path.startswith(f"{source.path}/{{{name}}}"):
        yield "id"
    elif name in fields and target.is_safe and name not in source.converters:
        yield name
