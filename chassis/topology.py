"""Names and arguments of everything on the broker.

Only the operator's user declares; services consume and publish what is there.
Every queue of events is a quorum queue with a delivery limit (a crash guard,
not the retry policy) and a dead-letter exchange, so that RabbitMQ 3.10 and 4.x
treat it alike.
"""

import re
from typing import Any, Final

__all__ = [
    "DEAD_LETTER_EXCHANGE",
    "NEWS_EXCHANGE",
    "ORG_FEED_EXCHANGE",
    "RETRY_DELAYS_S",
    "RPC_EXCHANGE",
    "TOUCHED_EXCHANGE",
    "VHOST",
    "dead_letter_arguments",
    "dead_letter_queue",
    "echo_key",
    "event_exchange",
    "event_queue",
    "feed_queue",
    "hint_key",
    "is_reply_key",
    "private_queue",
    "queue_arguments",
    "reply_key_prefix",
    "retry_exchange",
    "rpc_queue",
]

VHOST: Final = "rapport"
RPC_EXCHANGE: Final = "nameko-rpc"
DEAD_LETTER_EXCHANGE: Final = "dead-letters"
# Every organization's events once more, numbered, for whoever is there to hear.
ORG_FEED_EXCHANGE: Final = "analytics.feed"
# Customer records that look different although nobody changed them.
TOUCHED_EXCHANGE: Final = "customer.feed"
# Of svc_auth's events those that every process of every service hears.
NEWS_EXCHANGE: Final = "auth.news"
# A message that took its process down this often is not innocent.
DELIVERY_LIMIT: Final = 50
# Whoever looks at a dead letter gives it back, and no number of looks may drop
# it. RabbitMQ 4.x limits that to 20 unless told otherwise; its "no limit", -1,
# makes 3.10 drop a message at the first.
_NO_DELIVERY_LIMIT: Final = 2**31 - 1
RETRY_DELAYS_S: Final = (1, 5, 30, 300, 1_800)
# What the broker lets a service answer to; stock clients send a bare UUID. It
# closes the channel of whoever tries another key, with everybody's requests.
_REPLY_KEY: Final = re.compile(r"(reply\.[a-z]+\.)?[0-9a-f-]{36}")


def rpc_queue(service: str) -> str:
    """Where requests to ``service`` wait (Nameko's own name)."""
    return f"rpc-{service}"


def event_exchange(service: str) -> str:
    """Where ``service`` publishes its events (Nameko's own name)."""
    return f"{service}.events"


def event_queue(source: str, event: str, service: str, method: str) -> str:
    """The queue of one handler; renaming the method strands its messages."""
    return f"evt-{source}-{event}--{service}.{method}"


def feed_queue(service: str) -> str:
    """The queue of a service that takes events in batches."""
    return f"feed-{service}"


def dead_letter_queue(service: str) -> str:
    """Where the events end that ``service`` could not handle."""
    return f"dead-letters-{service}"


def retry_exchange(delay_s: int) -> str:
    """Publish here, under the handler's queue name, to get it back later."""
    return f"retry-{delay_s}s"


def reply_key_prefix(user: str) -> str:
    """Start of the routing keys under which ``user`` may receive replies."""
    return f"reply.{user}."


def is_reply_key(key: object) -> bool:
    """Whether a service may publish an answer under this key."""
    return isinstance(key, str) and _REPLY_KEY.fullmatch(key) is not None


def hint_key(service: str) -> str:
    """The routing key that tells the service's relay of a commit."""
    return f"{reply_key_prefix(service)}hint"


def echo_key(service: str) -> str:
    """The routing key under which every rpc process of the service echoes."""
    return f"{reply_key_prefix(service)}echo"


def private_queue(user: str, name: str) -> str:
    """A transient queue of one process; a user may declare no others."""
    return f"rpc.reply-{user}-{name}"


def queue_arguments(service: str) -> dict[str, Any]:
    """Arguments of every queue that a handler of ``service`` consumes."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
        "x-dead-letter-routing-key": service,
    }


def dead_letter_arguments() -> dict[str, Any]:
    """Arguments of every queue of dead letters."""
    return {"x-queue-type": "quorum", "x-delivery-limit": _NO_DELIVERY_LIMIT}
