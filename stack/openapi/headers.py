"""Headers that requests may carry and answers carry."""

from typing import Any, Final

__all__ = ["ALLOWANCE", "ANSWER_HEADERS", "REQUEST_HEADERS"]

# What is left to the caller.
ALLOWANCE: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

_TAG: Final = '^"[0-9a-z-]+"$'


def _request(
    name: str, schema: dict[str, Any], description: str
) -> tuple[str, dict[str, Any]]:
    parameter = {"name": name, "in": "header", "description": description}
    return name, {**parameter, "schema": {"type": "string", **schema}}


def _answer(schema: dict[str, Any], description: str, **terms: bool) -> dict[str, Any]:
    return {"description": description, **terms, "schema": schema}


REQUEST_HEADERS: Final[dict[str, dict[str, Any]]] = dict(
    (
        _request(
            "If-Match",
            {"pattern": r'^(\*|"v[0-9]{1,15}-[0-9a-f]+")$'},
            "The `ETag` that was read last, quotes included. Only its version counts. "
            "Where it is stale the answer is 412, unless a patch changes only fields "
            "that nobody else has changed; without it the last writer wins.",
        ),
        _request(
            "If-None-Match",
            {},
            "The `ETag` of what is known already; 304 if that is still so.",
        ),
        _request(
            "Idempotency-Key",
            {"minLength": 1, "maxLength": 255, "pattern": "^[ -~]{1,255}$"},
            "A name of your own for this request. Sent again with the same key and "
            "body within 24 hours, it is not done again.",
        ),
        _request(
            "X-Consistency-Token",
            {"maxLength": 1_000},
            "What the answer to a write had there: show at least what it wrote.",
        ),
        _request(
            "X-Request-Id",
            {},
            "Found in the answer and in every log line: up to 128 printable ASCII "
            "characters, without spaces. Anything else is replaced.",
        ),
        _request("traceparent", {}, "W3C trace context; anything else is replaced."),
    )
)
ANSWER_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Allow": _answer(
        {"type": "string"}, "The methods that this address takes.", required=True
    ),
    "ETag": _answer(
        {"type": "string", "pattern": _TAG}, "Names this version.", required=True
    ),
    "Idempotency-Replayed": _answer(
        {"type": "string", "const": "true"},
        "The first answer to this `Idempotency-Key`, given again.",
    ),
    "Location": _answer(
        {"type": "string", "format": "uri-reference"},
        "Where the new thing is.",
        required=True,
    ),
    "RateLimit-Limit": _answer(
        {"type": "integer", "minimum": 1}, "Units that fit into the limit at once."
    ),
    "RateLimit-Remaining": _answer(
        {"type": "integer", "minimum": 0}, "Units left of it."
    ),
    "RateLimit-Reset": _answer(
        {"type": "integer", "minimum": 0}, "Seconds until all of it is back."
    ),
    "Retry-After": _answer(
        {"type": "integer", "minimum": 0}, "Seconds after which to try again."
    ),
    "Set-Cookie": _answer(
        {"type": "string"}, "Names the browser, if it came without a name."
    ),
    "WWW-Authenticate": _answer(
        {"type": "string"},
        "`Bearer` (RFC 6750), or `Basic` where applications say who they are.",
    ),
    "X-Consistency-Token": _answer(
        {"type": "string", "maxLength": 1_000},
        "Names what was written; reads that carry it show that.",
    ),
    "X-Request-Id": _answer({"type": "string"}, "Names this request."),
}
