"""Views made of sections: several services asked at once, each for a part.

Every section has the same shape, whatever it shows::

    {"status": "ok", "code": null, "data": …, "age_s": null, "href": "/v1/…"}

``ok``: ``data`` is what ``GET href`` answers. ``forbidden``: the caller lacks
the permission, and nobody was asked. ``unavailable``: its owner did not answer,
``code`` says why, and ``data`` is null or as it was ``age_s`` seconds ago.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, current_app, g

from chassis.errors import (
    DeadlineExceededError,
    ForbiddenError,
    NotFoundError,
    RemoteError,
    UnavailableError,
    WireError,
)
from gateway_flask.bus import Ask, gather
from gateway_flask.last_good import LastGood, key_of
from gateway_flask.responses import answer

__all__ = [
    "SECTION_DEADLINE_S",
    "Section",
    "answer_sections",
    "refuse_if_empty",
    "view_of",
]

logger = logging.getLogger(__name__)

# Less than the two seconds in which a view is answered, whoever hangs.
SECTION_DEADLINE_S: Final = 1.5
_PASSING: Final = (UnavailableError, DeadlineExceededError, RemoteError)


@dataclass(frozen=True)
class Section:
    """One part of a view.

    Attributes:
        permission: What the service asks for, too.
        path: The route that answers the same.
    """

    permission: str
    path: str
    ask: Ask

    @property
    def href(self) -> str:
        """Where the section alone is found, with its further pages."""
        query = self.ask.arguments.get("query")
        return f"{self.path}?{urlencode(query)}" if query else self.path


def answer_sections(
    sections: Mapping[str, Section], needed: str | None = None
) -> Response:
    """Ask for all sections at once and answer what there is.

    Args:
        sections: By the name under which the answer shows them.
        needed: The section without which there is nothing to answer.

    Raises:
        NotFoundError: The needed section's: there is no such thing.
        UnavailableError: The needed section's, or of the first if none has
            anything to show, not even from before.
    """
    caller = g.caller
    permitted = {
        name: section
        for name, section in sections.items()
        if caller.allows(section.permission)
    }
    outcomes = gather(
        {name: section.ask for name, section in permitted.items()}, SECTION_DEADLINE_S
    )
    keys = {name: key_of(caller, section.ask) for name, section in permitted.items()}
    last_good: LastGood = current_app.extensions["last_good"]
    if needed is not None and isinstance(outcomes.get(needed), NotFoundError):
        last_good.forget(keys.values())
        raise outcomes[needed]
    views = _views(sections, outcomes, keys, last_good)
    refuse_if_empty([needed] if needed else list(outcomes), views, outcomes)
    good = {
        keys[name]: outcome
        for name, outcome in outcomes.items()
        if not isinstance(outcome, Exception)
    }
    response = answer({"sections": views})
    # The client has its answer by then.
    response.call_on_close(lambda: last_good.remember(good))
    return response


def _views(
    sections: Mapping[str, Section],
    outcomes: Mapping[str, Any],
    keys: Mapping[str, str],
    last_good: LastGood,
) -> dict[str, dict[str, Any]]:
    missing = [name for name, each in outcomes.items() if isinstance(each, _PASSING)]
    kept = last_good.recall(keys[name] for name in missing)
    views = {}
    for name, section in sections.items():
        before = kept.get(keys.get(name, ""))
        views[name] = view_of(outcomes.get(name, ForbiddenError("")), section.href)
        if before is not None:
            views[name] |= {"data": before.data, "age_s": before.age_s}
    return views


def refuse_if_empty(
    needed: Sequence[str],
    views: Mapping[str, Mapping[str, Any]],
    outcomes: Mapping[str, Any],
) -> None:
    """Raise the first error if none of the needed sections has anything."""
    if needed and all(
        views[name]["status"] == "unavailable" and views[name]["data"] is None
        for name in needed
    ):
        raise outcomes[needed[0]]


def view_of(outcome: Any, href: str) -> dict[str, Any]:
    """How a section with this outcome is shown.

    Raises:
        WireError: One that has nothing to do with the service's state, such
            as a token that expired just now.
    """
    status, code, data = "ok", None, None
    if isinstance(outcome, ForbiddenError):
        status, code = "forbidden", "permission_missing"
    elif isinstance(outcome, RemoteError):
        # Its message may hold personal data; the service logged the rest.
        logger.error(
            "A service failed unexpectedly.",
            extra={"request_id": g.request_id, "error": outcome.exc_type},
        )
        status, code = "unavailable", "internal_error"
    elif isinstance(outcome, UnavailableError | DeadlineExceededError):
        status, code = "unavailable", outcome.code
    elif isinstance(outcome, WireError):
        raise outcome
    else:
        data = outcome
    return {"status": status, "code": code, "data": data, "age_s": None, "href": href}
