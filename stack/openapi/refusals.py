"""Refusals that are no problem documents: OAuth 2.0's own, and pages.

Which of them a route has is what its blueprint has registered for ``WireError``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from gateway_flask.oauth_answers import WORDS, refusal_of
from gateway_flask.pages import show_again, show_problem
from stack.openapi.problems import Problems, registry
from stack.openapi.routes import Route

__all__ = ["OAUTH_ERROR", "PAGES", "refusals"]

_PROBLEM: Final = "application/problem+json"
_JSON: Final = "application/json"
_HTML: Final = "text/html"
# What HTTP itself refuses, in problem documents everywhere.
_OF_HTTP: Final = frozenset(
    {
        "body_too_large",
        "expectation_failed",
        "headers_too_large",
        "internal_error",
        "malformed_request",
        "method_not_allowed",
        "not_found",
        "request_timeout",
        "transfer_coding_unsupported",
        "unsupported_media_type",
        "uri_too_long",
    }
)
# What both it and the route itself may refuse.
_OF_BOTH: Final = frozenset({"rate_limited", "too_busy"})
# Signing in comes next, and no refusal.
_ON_THE_WAY: Final = "sign_in_expired"
_INVALID: Final = (400, 422)
_COOKIE: Final = "#/components/headers/Set-Cookie"
_REGISTERING: Final = ("invalid_client_metadata", "invalid_redirect_uri")
OAUTH_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What went wrong (RFC 6749 §5.2).",
    "properties": {
        "error": {"type": "string"},
        "error_description": {"type": "string", "description": "For a person."},
    },
    "required": ["error", "error_description"],
}


class _Telling(NamedTuple):
    """A code as a route tells it: with which status, as what, in which words."""

    code: str
    status: int
    media_type: str
    words: tuple[str, ...] = ()


def refusals(
    route: Route, codes: Collection[str], problems: Problems
) -> dict[str, Any]:
    """The responses in which a route refuses."""
    if route.refusal not in _TELLING:
        return problems.responses(codes)
    told = [each for code in sorted(codes) for each in _tellings(route, code)]
    special = {each.status for each in told if each.media_type != _PROBLEM}
    found = problems.responses(each.code for each in told if each.status not in special)
    for status in special:
        found[str(status)] = _response([each for each in told if each.status == status])
    return dict(sorted(found.items()))


def _tellings(route: Route, code: str) -> Iterator[_Telling]:
    status, _ = registry()[code]
    if code in _OF_HTTP | _OF_BOTH:
        yield _Telling(code, status, _PROBLEM, (code,))
    if code not in _OF_HTTP:
        yield from _TELLING[route.refusal](route, code, status)


def _of_page(_: Route, code: str, status: int) -> Iterator[_Telling]:
    # A page has no way to come in to name (RFC 9110 §11.6.1).
    status = 403 if status == 401 else status  # noqa: PLR2004
    if code != _ON_THE_WAY:
        yield _Telling(code, status, _HTML)


def _of_oauth(route: Route, code: str, status: int) -> Iterator[_Telling]:
    if code in WORDS:
        yield _Telling(code, 401 if code == "invalid_client" else 400, _JSON, (code,))
    elif status in _INVALID:
        is_registering = route.name == "register_oauth_client"
        words = _REGISTERING if is_registering else ("invalid_request",)
        yield _Telling(code, 400, _JSON, words)
    else:
        yield _Telling(code, status, _PROBLEM, (code,))


PAGES: Final = (show_again, show_problem)
_Tell = Callable[[Route, str, int], Iterator[_Telling]]
_TELLING: Final[Mapping[Callable[..., Any], _Tell]] = {
    refusal_of: _of_oauth,
    **dict.fromkeys(PAGES, _of_page),
}


def _response(told: Sequence[_Telling]) -> dict[str, Any]:
    response = Problems.response(told[0].status, {each.code for each in told})
    content = {}
    for media_type in sorted({each.media_type for each in told}):
        words = {
            word
            for each in told
            if each.media_type == media_type
            for word in each.words
        }
        content[media_type] = {"schema": _schema(media_type, sorted(words), response)}
    if _HTML in content:
        response["headers"] |= {"Set-Cookie": {"$ref": _COOKIE}}
    return {**response, "content": content}


def _schema(
    media_type: str, words: list[str], response: dict[str, Any]
) -> dict[str, Any]:
    if media_type == _HTML:
        return {"type": "string"}
    if media_type == _JSON:
        error = {"allOf": [{"$ref": "#/components/schemas/OAuthError"}]}
        return {**error, "properties": {"error": {"enum": words}}}
    problem: dict[str, Any] = response["content"][_PROBLEM]["schema"]
    return {**problem, "properties": {**problem["properties"], "code": {"enum": words}}}
