"""One route as an OpenAPI operation."""

from collections.abc import Iterator
from typing import Any, Final

from gateway_flask.forms import FORM
from stack.openapi.batches import batch_answer, batch_body, batch_example
from stack.openapi.codes import codes_of, is_idempotent, is_remembered
from stack.openapi.components import Schemas
from stack.openapi.contracts import Contract, contract_of
from stack.openapi.headers import ALLOWANCE
from stack.openapi.listing import SEPARATED, list_parameters, page_of, repositories
from stack.openapi.problems import Problems
from stack.openapi.refusals import PAGES, refusals
from stack.openapi.routes import Route

__all__ = ["UndescribedRouteError", "operation"]

_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_FORMS: Final = frozenset({"checked_form", "form"})
_REDIRECTS: Final = range(300, 400)
# Answers with nothing in them.
_EMPTY: Final = {
    "accepted": ("202", "It will be done."),
    "done": ("200", "Done."),
    "no_content": ("204", "Done."),
}


class UndescribedRouteError(Exception):
    """A docstring leaves out what the description needs."""


def operation(route: Route, schemas: Schemas, problems: Problems) -> dict[str, Any]:
    """The route, described.

    Raises:
        UndescribedRouteError: Something is missing, or names nothing.
    """
    contract = route.contract
    if not contract.summary:
        raise _undescribed(route, "has no docstring that says what it does")
    described: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.resource],
        "summary": contract.summary,
        "parameters": list(_parameters(route, schemas)),
        "responses": {
            **_successes(route, schemas),
            **refusals(route, codes_of(route), problems),
        },
        "security": _security(route),
    }
    if contract.description:
        described["description"] = contract.description
    if body := _body(route, schemas):
        described["requestBody"] = body
    return described


def _undescribed(route: Route, what: str) -> UndescribedRouteError:
    rpc = f" (its RPC is {route.rpc.__qualname__})" if route.rpc else ""
    return UndescribedRouteError(
        f"{route.method.upper()} {route.path}: {route.name}{rpc} {what}. "
        "CONTRIBUTING.md says how a route is described."
    )


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.policy.is_public:
        # An application may say who it is in its form as well.
        return [{"client": []}, {}] if "credentials" in route.calls else []
    permission = route.policy.permission
    token: dict[str, list[str]] = {"bearer": [permission] if permission else []}
    return [token, {"ticket": []}] if route.policy.takes_ticket else [token]


def _parameters(route: Route, schemas: Schemas) -> Iterator[dict[str, Any]]:
    for name, kind in route.converters.items():
        is_id = kind == "id"
        what = (
            f"Which {name.removesuffix('_id')}, by its id." if is_id else "Which one."
        )
        yield {
            "name": name,
            "in": "path",
            "description": what,
            "required": True,
            "schema": {"type": "string"} | ({"format": "uuid"} if is_id else {}),
        }
    yield from _query_parameters(route, schemas)
    if "headers" in route.own.takes:
        yield from _from_schema("header", route.own.takes["headers"], schemas)
    for name in _headers(route, schemas):
        yield {"$ref": f"#/components/parameters/{name}"}


def _query_parameters(route: Route, schemas: Schemas) -> Iterator[dict[str, Any]]:
    contract = route.contract
    if contract.is_list:
        if contract.row is None:
            raise _undescribed(
                route, 'does not return ``{"data": [XView], "page": {…}}``'
            )
        yield from list_parameters(_list_of(route), schemas.names(contract.row))
    elif "query" in contract.takes:
        yield from _from_schema("query", contract.takes["query"], schemas)
    elif "query" in route.calls:
        raise _undescribed(route, "names no schema for its argument ``query``")


def _list_of(route: Route) -> str:
    if route.resource in repositories():
        return route.resource
    return (route.policy.permission or "").partition(":")[0]


def _from_schema(place: str, name: str, schemas: Schemas) -> Iterator[dict[str, Any]]:
    for parameter, is_required, schema in schemas.properties(name):
        if not schema.get("default"):
            schema.pop("default", None)
        if isinstance(schema["type"], list):
            # There is no null in a query string.
            (schema["type"],) = set(schema["type"]) - {"null"}
        description = schema.pop("description", "")
        told: dict[str, Any] = {"description": description} if description else {}
        if schema.get("type") == "array":
            told |= SEPARATED
        yield {
            "name": parameter,
            "in": place,
            **told,
            "required": is_required,
            "schema": schema,
        }


def _headers(route: Route, schemas: Schemas) -> Iterator[str]:
    if "if_match" in route.calls:
        yield "If-Match"
    if _has_tag(route, schemas) and route.is_safe:
        yield "If-None-Match"
    if _takes_key(route):
        yield "Idempotency-Key"
    if not route.policy.is_public:
        yield "X-Consistency-Token"
    yield "X-Request-Id"
    yield "traceparent"


def _takes_key(route: Route) -> bool:
    """Whether a request that is sent again with its key is not done again."""
    if route.rpc is None or route.is_safe:
        return False
    is_recognized = "in the same operation" in route.contract.description
    return route.method != "post" or is_idempotent(route) or is_recognized


def _has_tag(route: Route, schemas: Schemas) -> bool:
    view = route.contract.returns
    has_version = view is not None and "version" in schemas.names(view)
    return route.own.has_tag or (has_version and not route.policy.is_public)


def _body(route: Route, schemas: Schemas) -> dict[str, Any] | None:
    if "operations" in route.calls:
        content = {
            "schema": batch_body(route, schemas),
            "example": batch_example(route, schemas),
        }
        return {"required": True, "content": {_JSON: content}}
    if forms := route.calls.keys() & _FORMS:
        return {"required": True, "content": {FORM: _form(route, schemas, *forms)}}
    if not route.calls.keys() & {"body", "optional_body"}:
        return None
    name = route.contract.takes.get("payload")
    if name is None:
        raise _undescribed(route, "names no schema for its argument ``payload``")
    if (example := schemas.example(name)) is None:
        raise _undescribed(route, f"takes a {name}, which has no ``example``")
    content = {"schema": schemas.reference(name), "example": dict(example)}
    types = (_JSON, _MERGE_PATCH) if route.method == "patch" else (_JSON,)
    return {
        "required": "body" in route.calls,
        "content": dict.fromkeys(types, content),
    }


def _form(route: Route, schemas: Schemas, reader: str) -> dict[str, Any]:
    name = (route.own.takes | route.contract.takes).get("form")
    if name is None:
        raise _undescribed(route, f"names no schema for the ``form`` of {reader}")
    if (example := schemas.example(name)) is None:
        raise _undescribed(route, f"takes a {name}, which has no ``example``")
    return {"schema": schemas.reference(name), "example": dict(example)}


def _successes(route: Route, schemas: Schemas) -> dict[str, Any]:
    found = _redirects(route, schemas)
    for name in route.calls.keys() & _EMPTY.keys():
        status, description = _EMPTY[name]
        headers = _answer_headers(route, schemas)
        found[status] = {"description": description, "headers": headers}
    if not found or route.own.media_types:
        found |= _answers(route, schemas)
    if route.is_safe and _has_tag(route, schemas):
        headers = {"ETag": {"$ref": "#/components/headers/ETag"}}
        found["304"] = {"description": "You have it already.", "headers": headers}
    return dict(sorted(found.items()))


def _redirects(route: Route, schemas: Schemas) -> dict[str, Any]:
    location = {"Location": {"$ref": "#/components/headers/Location"}}
    headers = {**_answer_headers(route, schemas), **location}
    answer = {"description": "Go on there.", "headers": headers}
    statuses = [each for each in route.own.statuses if each in _REDIRECTS]
    return {str(status): answer for status in statuses}


def _answers(route: Route, schemas: Schemas) -> dict[str, Any]:
    is_new = "created" in route.calls
    answer: dict[str, Any] = {
        "description": "It is there now." if is_new else "As asked for.",
        "headers": _answer_headers(route, schemas),
        "content": _content(route, schemas),
    }
    if is_new:
        answer["headers"]["Location"] = {"$ref": "#/components/headers/Location"}
    found = {"201" if is_new else str(route.status): answer}
    for status in set(route.own.statuses) - set(_REDIRECTS):
        found[str(status)] = {**answer, "description": "The same, and not well."}
    return found


def _content(route: Route, schemas: Schemas) -> dict[str, Any]:
    if "operations" in route.calls:
        return {_JSON: {"schema": batch_answer(route, schemas)}}
    if route.sections:
        return {_JSON: {"schema": _sections(route, schemas)}}
    if _is_change(route, schemas):
        return {_JSON: {"schema": schemas.written(route.contract.returns or "")}}
    if (schema := _schema_of(route.contract, schemas)) is not None:
        return {_JSON: {"schema": schema}}
    if types := route.own.media_types:
        return {
            name: {"schema": {"type": "object" if name == _JSON else "string"}}
            for name in types
        }
    raise _undescribed(route, "does not say which view it returns")


def _is_change(route: Route, schemas: Schemas) -> bool:
    """Whether it answers with a record that it has changed, not made."""
    view, is_new = route.contract.returns, "created" in route.calls
    needs = route.policy.permission or ""
    is_written = needs.endswith(":write") and not is_new
    return is_written and view is not None and schemas.is_record(view)


def _schema_of(contract: Contract, schemas: Schemas) -> dict[str, Any] | None:
    if contract.row:
        has_limit = contract.is_list or "query" in contract.takes
        return page_of(schemas.row(contract.row), has_limit=has_limit)
    return schemas.reference(contract.returns) if contract.returns else None


def _sections(route: Route, schemas: Schemas) -> dict[str, Any]:
    sections = {
        name: {
            "allOf": [{"$ref": "#/components/schemas/Section"}],
            "properties": {
                "data": {
                    "anyOf": [_schema_of(contract_of(rpc), schemas), {"type": "null"}]
                }
            },
        }
        for name, rpc in route.sections.items()
    }
    parts = {"type": "object", "properties": sections, "required": list(sections)}
    return {
        "type": "object",
        "properties": {"sections": parts},
        "required": ["sections"],
    }


def _answer_headers(route: Route, schemas: Schemas) -> dict[str, Any]:
    names = ["X-Request-Id"]
    if route.refusal in PAGES:
        names.append("Set-Cookie")
    if _has_tag(route, schemas):
        names.append("ETag")
    if is_remembered(route):
        names.append("Idempotency-Replayed")
    if route.rpc is not None and not (route.is_safe or route.policy.is_public):
        names.append("X-Consistency-Token")
    if route.policy.limit != "none":
        names += ALLOWANCE
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
