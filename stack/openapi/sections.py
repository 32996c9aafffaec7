"""What all sections of a joined view have in common."""

from typing import Any, Final

__all__ = ["SECTION"]

SECTION: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One part of a view, from the service that owns it.",
    "properties": {
        "status": {
            "type": "string",
            "enum": ["ok", "unavailable", "forbidden"],
            "description": "`unavailable`: its owner did not answer, and `code` says "
            "why. `forbidden`: the token does not grant it.",
        },
        "code": {"type": ["string", "null"]},
        "data": {"description": "What `GET href` answers, or null."},
        "age_s": {
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "How many seconds old `data` is, where it is kept from "
            "before an outage.",
        },
        "href": {
            "type": "string",
            "format": "uri-reference",
            "description": "Where the section alone is found, with further pages.",
        },
    },
    "required": ["status", "code", "data", "age_s", "href"],
}
