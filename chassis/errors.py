"""The errors that cross the wire: ten classes, told apart by their ``code``.

A wire error travels as its class name and three strings (Nameko turns other
arguments into strings), so ``details`` is one JSON document. Codes are
lower_snake, stable and listed in ``docs/errors.md``.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NotRequired, TypedDict

__all__ = [
    "WIRE_ERRORS",
    "ConflictError",
    "DeadlineExceededError",
    "FieldError",
    "ForbiddenError",
    "InvalidInputError",
    "NotFoundError",
    "RateLimitedError",
    "RemoteError",
    "UnauthenticatedError",
    "UnavailableError",
    "VersionConflictError",
    "WireError",
    "bad_request",
    "fields_forbidden",
    "from_wire",
    "invalid_field",
    "invalid_input",
]


class FieldError(TypedDict):
    """One thing wrong with one field; ``field`` is a dotted path."""

    field: str
    code: str
    message: NotRequired[str]


class WireError(Exception):
    """A refusal the caller is meant to understand.

    Args:
        code: What clients switch on.
        message: For a person.
        details: One JSON object, merged into the HTTP problem document.
    """

    status: ClassVar[int] = 500

    def __init__(self, code: str, message: str = "", details: str = "{}") -> None:
        super().__init__(code, message, details)
        self.code = code
        self.message = message or code.replace("_", " ")
        self.details = details

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def extra(self) -> dict[str, Any]:
        """The details as a dict; empty where they are not a JSON object."""
        try:
            extra = json.loads(self.details)
        except ValueError:
            return {}
        return extra if isinstance(extra, dict) else {}

    @property
    def http_status(self) -> int:
        """The HTTP status that the gateway answers."""
        return self.status


class InvalidInputError(WireError):
    """The input cannot be accepted as it is; ``details`` names the fields."""

    status = 422

    @property
    def http_status(self) -> int:
        """422, or 400 where the request itself could not be read."""
        return 400 if self.extra.get("status") == 400 else 422  # noqa: PLR2004


class UnauthenticatedError(WireError):
    """Nobody we know, or no longer."""

    status = 401


class ForbiddenError(WireError):
    """We know who asks, and they may not."""

    status = 403


class NotFoundError(WireError):
    """No such thing, or none that the caller may see."""

    status = 404


class ConflictError(WireError):
    """The thing is in a state that does not allow this."""

    status = 409


class VersionConflictError(WireError):
    """The thing has changed since the caller read it."""

    status = 412


class RateLimitedError(WireError):
    """Too many requests for now."""

    status = 429


class UnavailableError(WireError):
    """A part we depend on is away; trying again later may help."""

    status = 503


class DeadlineExceededError(WireError):
    """No answer within the time the caller was ready to wait."""

    status = 504


class RemoteError(Exception):
    """An unexpected exception in another process: our bug, a bare 500."""

    def __init__(self, exc_type: str, value: str) -> None:
        super().__init__(f"{exc_type}: {value}")
        self.exc_type = exc_type


WIRE_ERRORS: dict[str, type[WireError]] = {
    error.__name__: error
    for error in (
        InvalidInputError,
        UnauthenticatedError,
        ForbiddenError,
        NotFoundError,
        ConflictError,
        VersionConflictError,
        RateLimitedError,
        UnavailableError,
        DeadlineExceededError,
    )
}


def from_wire(error: Mapping[str, Any]) -> Exception:
    """Rebuild the exception that a service answered with.

    Args:
        error: Nameko's error object: ``exc_type``, ``exc_path``, ``exc_args``
            and ``value``.

    Returns:
        The same wire error, or a ``RemoteError`` for anything else.
    """
    exc_type = str(error.get("exc_type"))
    known = WIRE_ERRORS.get(exc_type)
    arguments = error.get("exc_args") or []
    if known is None or not arguments:
        return RemoteError(exc_type, str(error.get("value")))
    return known(*(str(argument) for argument in arguments[:3]))


def invalid_input(
    errors: Iterable[FieldError],
    code: str = "invalid_input",
    message: str = "Some fields are not acceptable.",
) -> InvalidInputError:
    """A 422 that names each field at fault."""
    return InvalidInputError(code, message, json.dumps({"errors": list(errors)}))


def invalid_field(code: str, message: str, *, field: str) -> InvalidInputError:
    """A 422 of which one field is the whole reason."""
    error: FieldError = {"field": field, "code": code, "message": message}
    return invalid_input([error], code, message)


def fields_forbidden(names: Iterable[str], action: str) -> ForbiddenError:
    """A 403 that names each field that the caller may not see, or write."""
    message = f"Your roles do not let you {action} this field."
    errors: list[FieldError] = [
        {"field": name, "code": "field_forbidden", "message": message} for name in names
    ]
    return ForbiddenError(
        "field_forbidden",
        f"Your roles do not let you {action} some fields.",
        json.dumps({"errors": errors}),
    )


def bad_request(
    code: str, message: str, errors: Iterable[FieldError] = ()
) -> InvalidInputError:
    """A 400: the query string or the body could not be read at all."""
    details: dict[str, Any] = {"status": 400}
    if named := list(errors):
        details["errors"] = named
    return InvalidInputError(code, message, json.dumps(details))
