"""Search over all services at once, merged into one ranking.

One RPC of each service that has some of the kinds that are asked for.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask import g

from chassis.errors import ForbiddenError, bad_request
from chassis.search_words import read_terms
from gateway_flask.bus import ask, gather
from gateway_flask.inputs import query, refuse_parameters
from gateway_flask.sections import SECTION_DEADLINE_S, refuse_if_empty, view_of

__all__ = ["search_answer"]

_DEFAULT_LIMIT: Final = 20
_MAX_LIMIT: Final = 50
_NUMBER: Final = re.compile(r"\d{1,2}", re.ASCII)
_OWNERS: Final[Mapping[str, str]] = {
    "contacts": "customer",
    "accounts": "customer",
    "leads": "sales",
    "opportunities": "sales",
}


def search_answer() -> dict[str, Any]:
    """What fits the words in ``q`` best, whatever it is and whoever owns it.

    Returns:
        ``hits``, merged by score and then by the last change, and a section for
        each kind of record, whose ``data`` says how much of it was found.

    Raises:
        InvalidInputError: 400 ``invalid_query``, ``invalid_limit`` or
            ``unknown_parameter``.
        UnavailableError: Of all kinds that the caller may read none can be
            searched.
    """
    refuse_parameters("q", "types", "limit")
    text, kinds, limit = query().get("q", ""), _kinds(), _limit()
    read_terms(text)
    permitted = [kind for kind in kinds if g.caller.allows(f"{kind}:read")]
    found = _search(text, permitted, limit)
    sections = {kind: _section(kind, found.get(kind), text, limit) for kind in kinds}
    refuse_if_empty(permitted, sections, found)
    hits = [
        hit
        for each in found.values()
        if not isinstance(each, Exception)
        for hit in each["hits"]
    ]
    hits.sort(key=lambda hit: (hit["score"], hit["updated_at"]), reverse=True)
    return {"hits": hits[:limit], "sections": sections}


def _search(text: str, kinds: Sequence[str], limit: int) -> dict[str, Any]:
    """By kind: what its owner found, or the error there was instead."""
    owned = {
        owner: [kind for kind in kinds if _OWNERS[kind] == owner]
        for owner in _OWNERS.values()
    }
    asks = {
        "customer": ask(
            "customer", "search_records", q=text, kinds=owned["customer"], limit=limit
        ),
        "sales": ask(
            "sales", "search_records", q=text, kinds=owned["sales"], limit=limit
        ),
    }
    outcomes = gather(
        {owner: each for owner, each in asks.items() if owned[owner]},
        SECTION_DEADLINE_S,
    )
    return {
        kind: outcome if isinstance(outcome, Exception) else outcome[kind]
        for owner, outcome in outcomes.items()
        for kind in owned[owner]
    }


def _section(kind: str, found: Any, text: str, limit: int) -> dict[str, Any]:
    parameters = {"q": text, "types": kind, "limit": limit}
    section = view_of(
        ForbiddenError("permission_missing") if found is None else found,
        f"/v1/search?{urlencode(parameters)}",
    )
    if section["data"] is not None:
        section["data"] = {"hits": len(found["hits"]), "has_more": found["has_more"]}
    return section


def _kinds() -> Sequence[str]:
    if "types" not in query():
        return tuple(_OWNERS)
    kinds = query()["types"].split(",")
    if not set(kinds) <= _OWNERS.keys():
        raise _refused("invalid_query", "types", f"Some of {', '.join(_OWNERS)}.")
    return [kind for kind in _OWNERS if kind in kinds]


def _limit() -> int:
    text = query().get("limit", str(_DEFAULT_LIMIT))
    if not (_NUMBER.fullmatch(text) and 1 <= int(text) <= _MAX_LIMIT):
        raise _refused("invalid_limit", "limit", f"A number from 1 to {_MAX_LIMIT}.")
    return int(text)


def _refused(code: str, parameter: str, message: str) -> Exception:
    error: Any = {"field": parameter, "code": code, "message": message}
    return bad_request(code, message, [error])
