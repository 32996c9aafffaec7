"""How new an answer has to be, and what tells others of a newer one.

A read may be answered from this process's memory if no process of the gateway
has answered for a later version of the record, and the client has not seen one.
A write tells both, the processes and the client. See docs/caching.md.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from flask import Response, g, request

from gateway_flask.answer_cache import AnswerCache
from gateway_flask.consistency import HEADER, Token
from gateway_flask.floors import UNKNOWN_VERSION, Floors, floor_key
from gateway_flask.policies import Policy
from gateway_flask.processed import Processed
from gateway_flask.responses import versioned

__all__ = ["Freshness"]

_GIVEN: Final = f"HTTP_{HEADER.upper().replace('-', '_')}"
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Freshness:
    """What the door asks and tells about the state of records.

    Args:
        count: Called with ``hit``, ``miss`` or ``bypass`` for each request that
            a cached answer may be given to.
    """

    def __init__(
        self,
        cache: AnswerCache,
        floors: Floors,
        processed: Processed,
        count: Callable[[str], None],
    ) -> None:
        self._cache = cache
        self._floors = floors
        self._processed = processed
        self._count = count

    def begin(self, policy: Policy) -> str | None:
        """Look for an answer.

        Returns:
            The key of the number that the answer found must not be below.
        """
        caller = g.caller
        # A query asks for something else than the whole record.
        if not policy.is_cached or request.query_string:
            return None
        (record_id,) = (request.view_args or {}).values()
        endpoint = request.endpoint or ""
        g.lookup = self._cache.look_up(caller, endpoint, record_id)
        g.entry = self._cache.find(g.lookup)
        return None if g.entry is None else floor_key(caller.org_id, record_id)

    def answer(self, policy: Policy) -> Response | None:
        """The answer that was found if it is new enough; or wait until one is.

        Raises:
            InvalidInputError: 400 ``consistency_token_invalid``.
            UnavailableError: ``not_caught_up``.
        """
        token = _token()
        if policy.is_event_fed and token is not None:
            self._processed.wait(token, g.caller.org_id, g.deadline)
        if "lookup" not in g:
            return None
        if g.entry is None:
            self._count("miss")
            return None
        if not self._is_new_enough(token):
            self._count("bypass")
            return None
        self._count("hit")
        return versioned(g.entry.body, g.entry.tag)

    @staticmethod
    def _is_new_enough(token: Token | None) -> bool:
        _, record_id = g.entry.record
        version = g.entry.version
        return (
            # Without a verdict nobody knows what others have written.
            g.rate is not None
            and version >= g.rate.watched
            and (token is None or token.allows(record_id, version))
            and "no-cache" not in request.environ.get("HTTP_CACHE_CONTROL", "")
        )

    def end(self, response: Response) -> None:
        """Tell of what the request wrote, before its client knows of it."""
        if g.caller is None or request.method in _READS:
            return
        org_id = g.caller.org_id
        for effect in g.effects:
            self._cache.drop(org_id, effect.record_id)
        # Nobody holds an older version of what was just made.
        floors = {each.record_id: each.version for each in g.effects if each[1] > 1}
        if _is_in_doubt(response):
            floors |= dict.fromkeys((request.view_args or {}).values(), UNKNOWN_VERSION)
        self._floors.raise_to(org_id, floors)
        if g.effects and response.status_code < HTTPStatus.BAD_REQUEST:
            token = Token.of(g.effects, g.operation_id)
            response.headers[HEADER] = token.write(org_id)


def _token() -> Token | None:
    """What the client has seen already; a public route does not ask."""
    given = request.environ.get(_GIVEN)
    if given is None or g.caller is None:
        return None
    return Token.read(given, g.caller.org_id)


def _is_in_doubt(response: Response) -> bool:
    """Whether something may have been written although it is not answered for."""
    status = response.status_code
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.CONFLICT
