"""Which version of a record has been answered for by some gateway process.

Events reach the other processes some milliseconds after the writer's answer, or
seconds if a relay died. Until then this tells them which cached answers are too
old. A floor stands for twice as long as an answer is cached, so that behind it
no older one is left.
"""

import logging
import time
from collections.abc import Mapping
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway_flask.answer_cache import LIFETIME_S

__all__ = ["UNKNOWN_VERSION", "Floors", "floor_key"]

logger = logging.getLogger(__name__)

# Above every version: a write whose outcome nobody knows.
UNKNOWN_VERSION: Final = 2**53 - 1
_TIMEOUT_S: Final = 0.1
_LOOK_AWAY_S: Final = 1.0
_LIFETIME_MS: Final = round(LIFETIME_S * 2_000)

# Of two writers the one with the higher version wins, in whatever order they come.
_SCRIPT: Final = """
for i, key in ipairs(KEYS) do
  local floor = math.max(tonumber(redis.call('GET', key) or 0), tonumber(ARGV[i]))
  redis.call('SET', key, string.format('%.0f', floor), 'PX', ARGV[#KEYS + 1])
end
"""


def floor_key(org_id: str, record_id: str) -> str:
    """Where a record's floor stands."""
    return f"floor:{org_id}:{record_id}"


class Floors:
    """Raises floors in the state store; without it other processes wait for events."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._away_until = 0.0

    def raise_to(self, org_id: str, versions: Mapping[str, int]) -> None:
        """Let nobody answer with less than these versions, by record id."""
        if not versions or time.monotonic() < self._away_until:
            return
        keys = [floor_key(org_id, record_id) for record_id in versions]
        try:
            self._script(keys=keys, args=[*versions.values(), _LIFETIME_MS])
        except redis.RedisError as error:
            self._away_until = time.monotonic() + _LOOK_AWAY_S
            logger.warning(
                "Redis does not answer; other processes learn of a write by its event.",
                extra={"reason": repr(error)},
            )
