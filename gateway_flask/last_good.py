"""The last good answer of each section of a view, for the time of an outage.

Kept in the Redis that evicts, for minutes, and read only when the owner of the
data does not answer; whoever gets it is told how old it is. A key holds who
asked and with which rights, so that nobody is shown what another may see. Its
loss costs nothing but that.
"""

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chassis.auth import Caller
from gateway_flask.bus import Ask

__all__ = ["Kept", "LastGood", "key_of"]

logger = logging.getLogger(__name__)

_LIFETIME_S: Final = 600
_MAX_BYTES: Final = 65_536
_TIMEOUT_S: Final = 0.1
_LOOK_AWAY_S: Final = 1.0


@dataclass(frozen=True)
class Kept:
    """An answer as it was ``age_s`` seconds ago."""

    data: Any
    age_s: int


def key_of(caller: Caller, ask: Ask) -> str:
    """Where the answer that ``caller`` gets to ``ask`` is kept."""
    asked = orjson.dumps(
        [
            caller.rights_tag,
            sorted(caller.team_ids),
            [ask.service, ask.method, ask.arguments],
        ],
        option=orjson.OPT_SORT_KEYS,
    )
    digest = hashlib.sha256(asked).hexdigest()[:32]
    return f"section:{caller.org_id}:{caller.principal_id}:{digest}"


class LastGood:
    """Remembers answers for ten minutes; whatever fails, fails silently.

    An answer larger than 64 KiB is not kept.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._away_until = 0.0

    def remember(self, answers: Mapping[str, Any]) -> None:
        """Keep answers by their keys, in one round trip."""
        now = time.time()
        documents = {
            key: orjson.dumps({"at": now, "data": data})
            for key, data in answers.items()
        }
        fitting = {
            key: document
            for key, document in documents.items()
            if len(document) <= _MAX_BYTES
        }
        if not fitting or self._is_away:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for key, document in fitting.items():
            pipeline.set(key, document, ex=_LIFETIME_S)
        try:
            pipeline.execute()
        except redis.RedisError as error:
            self._look_away(error)

    def recall(self, keys: Iterable[str]) -> dict[str, Kept]:
        """What is kept under these keys, in one round trip."""
        names = list(keys)
        if not names or self._is_away:
            return {}
        try:
            documents = self._redis.mget(names)
        except redis.RedisError as error:
            self._look_away(error)
            return {}
        return {
            name: _kept(orjson.loads(document))
            for name, document in zip(names, documents, strict=True)
            if document is not None
        }

    def forget(self, keys: Iterable[str]) -> None:
        """Drop what is kept under these keys."""
        if self._is_away:
            return
        try:
            self._redis.delete(*keys)
        except redis.RedisError as error:
            self._look_away(error)

    @property
    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _look_away(self, error: redis.RedisError) -> None:
        """Spare the next requests the wait for a Redis that does not answer."""
        self._away_until = time.monotonic() + _LOOK_AWAY_S
        logger.warning(
            "The cache does not answer; last good answers are not kept.",
            extra={"reason": repr(error)},
        )


def _kept(document: Mapping[str, Any]) -> Kept:
    return Kept(document["data"], max(0, round(time.time() - document["at"])))
