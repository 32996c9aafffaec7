"""Rate limits that hold across gateway processes, in one Redis round trip.

The generic cell rate algorithm: a key's only state is the time at which it
would be back to rest. A request is charged to all its keys or to none.

Without Redis the limits fail open, with a warning and a counter; login fails
closed, because there the limit is what stands between a list of passwords and
an account.
"""

import hashlib
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chassis.config import setting
from chassis.errors import RateLimitedError, UnavailableError
from chassis.places import network_of, place_of
from gateway_flask.policies import View, mark

__all__ = [
    "Charge",
    "Limit",
    "Limiter",
    "Verdict",
    "costs",
    "limited",
    "limits_from_settings",
]

logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 0.1
_LOOK_AWAY_S: Final = 1.0
_WARN_EVERY_S: Final = 10.0
_PERIODS: Final = {"s": 1, "min": 60, "h": 3_600}
_LIMIT: Final = re.compile(r"(\d{1,9})/(s|min|h) burst (\d{1,9})")
_DEFAULTS: Final = {
    "read": "1000/s burst 5000",
    "write": "1000/s burst 5000",
    "public": "100/s burst 500",
    "login": "60/min burst 60",
    "account": "10/min burst 10",
    "reset": "60/min burst 60",
    "register": "60/min burst 60",
    "network": "600/min burst 600",
}
_COSTS: Final = {"write": 2}
_FAILS_CLOSED: Final = frozenset({"login", "account", "reset"})

# Times are whole microseconds of Redis' own clock. ARGV holds, for each key,
# the microseconds one request takes from the allowance and the allowance's
# whole length. A key more than that is one whose number is wanted.
_SCRIPT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local rests, wait, tightest, left = {}, 0, 1, math.huge
local count = #ARGV / 2
local watched = KEYS[count + 1] and redis.call('GET', KEYS[count + 1]) or 0
for i = 1, count do
  local price, allowance = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local rest = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now) + price
  local lacking = rest - now - allowance
  if lacking > wait then wait = lacking end
  if -lacking < left then left, tightest = -lacking, i end
  rests[i] = rest
end
if wait > 0 then
  local price = tonumber(ARGV[2 * tightest - 1])
  return {tightest, -1, string.format('%.0f', rests[tightest] - price - now),
    string.format('%.0f', wait), watched}
end
for i = 1, count do
  redis.call('SET', KEYS[i], string.format('%.0f', rests[i]),
    'PX', string.format('%.0f', math.ceil((rests[i] - now) / 1000) + 1))
end
return {tightest, string.format('%.0f', left),
  string.format('%.0f', rests[tightest] - now), 0, watched}
"""


def limited(limit: str) -> Callable[[View], View]:
    """Put a route into another class of limits than its method's usual one."""
    return lambda view: mark(view, limit=limit)


def costs(units: int) -> Callable[[View], View]:
    """Let a route cost so many times what its class costs."""
    return lambda view: mark(view, units=units)


@dataclass(frozen=True)
class Limit:
    """So many units per second, and so many at once."""

    per_second: float
    burst: int

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read ``"<units>/<s|min|h> burst <units>"``.

        Raises:
            ValueError: It reads differently, or a number is nought.
        """
        match = _LIMIT.fullmatch(text.strip())
        if match is None or int(match[1]) < 1 or int(match[3]) < 1:
            raise ValueError(f"{text!r} is not a limit such as '1000/s burst 5000'.")
        return cls(int(match[1]) / _PERIODS[match[2]], int(match[3]))

    @property
    def unit_us(self) -> float:
        """How many microseconds one unit takes to come back."""
        return 1_000_000 / self.per_second


@dataclass(frozen=True)
class Charge:
    """What a request counts against: a class of limits, whose, and how much.

    One that costs more than the limit takes at once costs just that, so that
    it can be asked for at all.
    """

    limit: str
    owner: str
    units: int = 1

    @classmethod
    def of_client(cls, limit: str, address: str) -> "Charge":
        """What a client does of whom no more than the address is known."""
        return cls(limit, place_of(address))

    @classmethod
    def of_account(cls, email: str, address: str) -> "Charge":
        """A login for an account by a client, known only by a hash of both.

        Not by the account alone: whoever asks often would keep its owner out.
        """
        both = f"{email.strip().lower()}\n{place_of(address)}"
        digest = hashlib.sha256(both.encode()).hexdigest()
        return cls("account", digest[:32])

    @classmethod
    def of_network(cls, address: str) -> "Charge":
        """What the clients of one network do together: they may be one."""
        return cls("network", network_of(address))


@dataclass(frozen=True)
class Verdict:
    """What is left of the tightest limit, for the ``RateLimit`` headers.

    Attributes:
        watched: The number that was asked for; 0 if there is none.
    """

    limit: int
    remaining: int
    reset_s: int
    watched: int = 0


def limits_from_settings() -> dict[str, Limit]:
    """Every class's limit: ``LIMIT_READ``, ``LIMIT_LOGIN`` and so on.

    Raises:
        ValueError: One of them cannot be read.
    """
    return {
        name: Limit.parse(setting(f"LIMIT_{name.upper()}", default))
        for name, default in _DEFAULTS.items()
    }


class Limiter:
    """Charges requests to their owners' limits.

    Args:
        redis_url: The state store; it must not evict.
        limits: By class; a class without one is not limited.
        on_unchecked: Called with the class of each request that passed
            unchecked.
    """

    def __init__(
        self,
        redis_url: str,
        limits: Mapping[str, Limit],
        on_unchecked: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._redis = redis.Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._limits = limits
        self._on_unchecked = on_unchecked
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._warned_at = -math.inf

    @property
    def is_available(self) -> bool:
        """Whether Redis answered when last asked."""
        return time.monotonic() >= self._away_until

    def ping(self) -> bool:
        """Ask Redis now, unless it has just failed to answer."""
        if not self.is_available:
            return False
        try:
            return bool(self._redis.ping())
        except redis.RedisError as error:
            self._look_away(error)
            return False

    def check(
        self, charges: Sequence[Charge], watched: str | None = None
    ) -> Verdict | None:
        """Charge a request, or refuse it.

        Args:
            charges: What it counts against.
            watched: The key of a number to bring along from the same store.

        Returns:
            What is left, or ``None`` where nothing limits the request or
            Redis does not answer.

        Raises:
            RateLimitedError: ``rate_limited``; the details hold
                ``retry_after_s`` and the headers' figures.
            UnavailableError: ``login_unavailable``.
        """
        known = [charge for charge in charges if charge.limit in self._limits]
        if not known:
            return None
        answer = self._ask(known, watched)
        if answer is None:
            self._pass_unchecked(known[0].limit)
            return None
        index, left_us, rest_us, wait_us, number = (int(figure) for figure in answer)
        limit = self._limits[known[index - 1].limit]
        verdict = Verdict(
            limit=limit.burst,
            remaining=max(int(left_us / limit.unit_us), 0),
            reset_s=math.ceil(rest_us / 1_000_000),
            watched=number,
        )
        if wait_us > 0:
            raise _refusal(verdict, math.ceil(wait_us / 1_000_000))
        return verdict

    def _ask(self, charges: Sequence[Charge], watched: str | None) -> Any:
        if not self.is_available:
            return None
        arguments: list[int] = []
        for charge in charges:
            limit = self._limits[charge.limit]
            cost = min(_COSTS.get(charge.limit, 1) * charge.units, limit.burst)
            arguments.append(round(cost * limit.unit_us))
            arguments.append(round(limit.burst * limit.unit_us))
        keys = [f"limit:{charge.limit}:{charge.owner}" for charge in charges]
        if watched is not None:
            keys.append(watched)
        try:
            return self._script(keys=keys, args=arguments)
        except redis.RedisError as error:
            self._look_away(error)
            return None

    def _look_away(self, error: Exception) -> None:
        """Spare the next requests the wait for a Redis that does not answer."""
        now = time.monotonic()
        with self._lock:
            self._away_until = now + _LOOK_AWAY_S
            if now < self._warned_at + _WARN_EVERY_S:
                return
            self._warned_at = now
        logger.warning(
            "Redis does not answer; requests pass unlimited.",
            extra={"reason": repr(error)},
        )

    def _pass_unchecked(self, limit: str) -> None:
        if limit in _FAILS_CLOSED:
            raise UnavailableError(
                "login_unavailable", "Logging in is not possible for a moment."
            )
        self._on_unchecked(limit)


def _refusal(verdict: Verdict, retry_after_s: int) -> RateLimitedError:
    details = (
        f'{{"retry_after_s": {retry_after_s}, "limit": {verdict.limit}, '
        f'"reset_s": {verdict.reset_s}}}'
    )
    return RateLimitedError(
        "rate_limited", f"Too many requests; wait {retry_after_s} s.", details
    )
