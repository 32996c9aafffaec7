"""Refusals: which codes a route can answer, and how they look.

``docs/errors.md`` says the status of each code and when it comes.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, Final

from stack.openapi.headers import ALLOWANCE
from stack.paths import ROOT

__all__ = ["CONFLICTS", "FIELD_PROBLEMS", "PROBLEM", "Problems", "registry"]

_ROW: Final = re.compile(r"^\| `([a-z0-9_]+)` \| (\d{3}) \| (.+) \|$", re.MULTILINE)
# RFC 9110 §15 and RFC 6585; Python's names change with its versions.
_PHRASES: Final[Mapping[int, str]] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_HEADERS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_PASSING: Final = "idempotency_key_in_progress"
FIELD_PROBLEMS: Final = {
    "type": "array",
    "description": "What is at fault, field by field.",
    "items": {
        "type": "object",
        "properties": {
            "field": {
                "type": "string",
                "description": "A dotted path, as in `emails.0.address`, "
                "or a parameter's name.",
            },
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
        "required": ["field", "code"],
    },
}
CONFLICTS: Final = {
    "type": "object",
    "description": "With `version_conflict`: the fields that others changed "
    "too, each before, as it is now, and as you wanted it; of a record that you "
    "may not read, without these values.",
    "additionalProperties": {
        "type": "object",
        "properties": {"original": {}, "current": {}, "yours": {}},
    },
}
PROBLEM: Final = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Programs switch on `code`.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "For a person."},
        "instance": {"type": "string", "description": "The path asked for."},
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "request_id": {"type": "string", "description": "Quote it in reports."},
        "errors": {"$ref": "#/components/schemas/FieldProblems"},
        "conflicts": {"$ref": "#/components/schemas/Conflicts"},
    },
    "required": [
        *("type", "title", "status", "detail", "instance", "code", "request_id")
    ],
}


@cache
def registry() -> dict[str, tuple[int, str]]:
    """Status and explanation of each code."""
    text = (ROOT / "docs" / "errors.md").read_text()
    return {code: (int(status), when) for code, status, when in _ROW.findall(text)}


class Problems:
    """The refusals of all routes; what most share is written down once."""

    def __init__(self) -> None:
        self._registry = registry()
        self._seen: dict[int, Counter[frozenset[str]]] = defaultdict(Counter)

    def by_status(self, codes: Iterable[str]) -> dict[int, frozenset[str]]:
        """The codes of each status."""
        found: dict[int, set[str]] = defaultdict(set)
        for code in codes:
            found[self._registry[code][0]].add(code)
        return {status: frozenset(found[status]) for status in sorted(found)}

    def count(self, codes: Iterable[str]) -> None:
        """Take a route's codes into account for what is shared."""
        for status, same in self.by_status(codes).items():
            self._seen[status][same] += 1

    def responses(self, codes: Iterable[str]) -> dict[str, Any]:
        """A route's refusals."""
        return {
            str(status): (
                {"$ref": f"#/components/responses/{_name(status)}"}
                if same == self._shared(status)
                else self.response(status, same)
            )
            for status, same in self.by_status(codes).items()
        }

    def components(self) -> dict[str, Any]:
        """The responses that several routes share."""
        return {
            _name(status): self.response(status, self._shared(status))
            for status in sorted(self._seen)
        }

    def _shared(self, status: int) -> frozenset[str]:
        counted = self._seen[status].items()
        return max(counted, key=lambda each: (each[1], sorted(each[0])))[0]

    @staticmethod
    def response(status: int, codes: Collection[str]) -> dict[str, Any]:
        """The refusals of one status."""
        told = "\n".join(f"- `{code}`: {registry()[code][1]}" for code in sorted(codes))
        own = ("Retry-After",) if _PASSING in codes else _HEADERS.get(status, ())
        names = (*own, *ALLOWANCE, "X-Request-Id")
        return {
            "description": f"{_PHRASES[status]}\n\n{told}",
            "headers": {
                name: {"$ref": f"#/components/headers/{name}"} for name in names
            },
            "content": {
                "application/problem+json": {
                    "schema": {
                        "allOf": [{"$ref": "#/components/schemas/Problem"}],
                        "properties": {
                            "status": {"const": status},
                            "code": {"enum": sorted(codes)},
                        },
                    }
                }
            },
        }


def _name(status: int) -> str:
    return _PHRASES[status].replace(" ", "")
