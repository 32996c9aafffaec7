"""The gateway's settings, read once at start."""

from collections.abc import Mapping
from dataclasses import dataclass

from chassis.config import number, setting
from chassis.key_set import KeySet
from chassis.trust import trusted_keys
from gateway_flask.limits import Limit, limits_from_settings

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the gateway must know.

    Attributes:
        trusted_proxies: How many proxies of ours stand before it; so many
            entries of ``X-Forwarded-For`` are believed.
        cors_origins: Exactly these origins may call from a browser.
        metrics_allow: Client addresses that may read ``/metrics``.
        cache_bytes: How much memory one process keeps answers in; 0 for none.
        threads: How many requests one process works on at a time.
        streams: How many streams one process holds.
        streams_per_principal: Of these, how many may be one principal's.
    """

    amqp_uri: str
    redis_state_url: str
    redis_cache_url: str
    keys: KeySet
    limits: Mapping[str, Limit]
    trusted_proxies: int = 0
    cors_origins: frozenset[str] = frozenset()
    metrics_allow: frozenset[str] = frozenset({"127.0.0.1"})
    cache_bytes: int = 33_554_432
    threads: int = 16
    streams: int = 4_000
    streams_per_principal: int = 1_000

    @classmethod
    def load(cls) -> "Settings":
        """Read them from the environment and the secrets directory.

        Raises:
            MissingSettingError: One without which nothing works is missing.
            ValueError: A limit cannot be read.
        """
        return cls(
            amqp_uri=setting("AMQP_URI"),
            redis_state_url=setting("REDIS_STATE_URL"),
            redis_cache_url=setting("REDIS_CACHE_URL"),
            keys=trusted_keys(),
            limits=limits_from_settings(),
            trusted_proxies=number("TRUSTED_PROXIES", 0),
            cors_origins=_names("CORS_ORIGINS", ""),
            metrics_allow=_names("METRICS_ALLOW", "127.0.0.1"),
            cache_bytes=number("GATEWAY_CACHE_BYTES", 33_554_432),
            threads=number("GATEWAY_THREADS", 16),
            streams=number("GATEWAY_STREAMS", 4_000),
            streams_per_principal=number("GATEWAY_STREAMS_PER_PRINCIPAL", 1_000),
        )


def _names(name: str, default: str) -> frozenset[str]:
    names = (part.strip() for part in setting(name, default).split(","))
    return frozenset(name for name in names if name)
