"""The broker's topology and everybody's rights on it, from the handlers' own code.

``python -m stack.topology > rabbitmq/definitions.json`` writes it down; a test
holds the two together. The operator declares it at every ``./crm up``, which
also finds queues whose arguments have changed: RabbitMQ cannot alter them.
"""

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import pika
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR
from pika.exceptions import ChannelClosedByBroker

from chassis.handling import BatchHandler, EventHandler
from chassis.roles import service_class
from chassis.topology import (
    DEAD_LETTER_EXCHANGE,
    NEWS_EXCHANGE,
    ORG_FEED_EXCHANGE,
    RETRY_DELAYS_S,
    RPC_EXCHANGE,
    TOUCHED_EXCHANGE,
    VHOST,
    dead_letter_arguments,
    dead_letter_queue,
    event_exchange,
    event_queue,
    feed_queue,
    queue_arguments,
    retry_exchange,
    rpc_queue,
)
from chassis.trust import ISSUER
from chassis.upkeep import NEWS
from stack.broker import connection_parameters
from stack.principals import SERVICES

__all__ = [
    "CALLS",
    "OPERATOR_CALLS",
    "TRUST_CALLS",
    "TopologyMismatchError",
    "declare",
    "definitions",
]

# What every process asks to know whom to trust (``chassis.upkeep``).
TRUST_CALLS: Final = tuple(
    f"{ISSUER}.{method}"
    for method in ("get_jwks", "list_revocations", "list_rights_changes")
)
# Which RPCs a service may call besides; a test compares it with the code.
CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "auth": (
        "customer.get_account",
        "customer.get_contact",
        "customer.get_interaction",
        "sales.get_lead",
        "sales.get_opportunity",
    ),
    "customer": ("auth.find_members", "auth.find_teams"),
    "sales": ("auth.find_members", "auth.find_teams", "customer.upsert_customer"),
    "notify": ("auth.get_person", "auth.prepare_challenge"),
}
# What only an operator calls, from ``./crm`` or ``nameko shell``.
OPERATOR_CALLS: Final = (
    "auth.list_signing_keys",
    "auth.reset_second_factor",
    "auth.retire_signing_key",
    "auth.rotate_signing_key",
)
_PACKAGES: Final[Mapping[str, str]] = {name: f"svc_{name}" for name in SERVICES}
_UUID: Final = "[0-9a-f-]{36}"
_QUEUE_WAIT_MS: Final = 2_000
_PRECONDITION_FAILED: Final = 406


class TopologyMismatchError(Exception):
    """Something on the broker has other arguments than it should have."""


def definitions(packages: Mapping[str, str] = _PACKAGES) -> dict[str, Any]:
    """The topology as RabbitMQ imports it, without users.

    Args:
        packages: The package of each service.
    """
    rungs = _rungs(packages)
    exchanges = [
        _exchange(RPC_EXCHANGE, "topic"),
        _exchange(DEAD_LETTER_EXCHANGE, "direct"),
        _exchange(ORG_FEED_EXCHANGE, "fanout"),
        _exchange(TOUCHED_EXCHANGE, "fanout"),
        _exchange(NEWS_EXCHANGE, "topic"),
        *(_exchange(event_exchange(service), "topic") for service in packages),
        *(_exchange(retry_exchange(delay_s), "fanout") for delay_s in rungs),
    ]
    queues: list[dict[str, Any]] = []
    bindings: list[dict[str, Any]] = []
    for service in packages:
        queues.append(_queue(rpc_queue(service), {}))
        bindings.append(_binding(RPC_EXCHANGE, rpc_queue(service), f"{service}.*"))
        queues.append(_queue(dead_letter_queue(service), dead_letter_arguments()))
        bindings.append(
            _binding(DEAD_LETTER_EXCHANGE, dead_letter_queue(service), service)
        )
        for queue, source, routing_key in _consumed(service, packages):
            if all(each["name"] != queue for each in queues):
                queues.append(_queue(queue, queue_arguments(service)))
            bindings.append(_binding(source, queue, routing_key))
    if ISSUER in packages:
        bindings += [
            _binding(event_exchange(ISSUER), NEWS_EXCHANGE, event, "exchange")
            for event in NEWS
        ]
    for delay_s in rungs:
        name = retry_exchange(delay_s)
        queues.append(_queue(name, _rung(delay_s)))
        bindings.append(_binding(name, name, ""))
    return {
        "vhosts": [{"name": VHOST}],
        "permissions": [
            _permission(user) for user in ("operator", "gateway", *packages)
        ],
        "topic_permissions": [
            _topic_permission(user) for user in ("gateway", *packages)
        ],
        "policies": [_queue_wait_policy()],
        "exchanges": exchanges,
        "queues": queues,
        "bindings": bindings,
    }


def _handlers(package: str) -> Iterator[tuple[str, EventHandler | BatchHandler]]:
    """The methods of a service that handle events, with their entrypoints."""
    handlers = service_class(package, "events")
    for method, function in inspect.getmembers(handlers, inspect.isfunction):
        for entrypoint in getattr(function, ENTRYPOINT_EXTENSIONS_ATTR, ()):
            if isinstance(entrypoint, EventHandler | BatchHandler):
                yield method, entrypoint


def _rungs(packages: Mapping[str, str]) -> list[int]:
    """Every delay that some handler waits, and the usual ones."""
    in_use = (
        delay_s
        for package in packages.values()
        for _, handler in _handlers(package)
        for delay_s in handler.delays_s
    )
    return sorted({*RETRY_DELAYS_S, *in_use})


def _consumed(
    service: str, packages: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Queue, exchange and routing key of everything that a service listens to."""
    for method, handler in _handlers(packages[service]):
        if isinstance(handler, EventHandler):
            queue = event_queue(handler.source, handler.event, service, method)
            yield queue, event_exchange(handler.source), handler.event
        else:
            everything = dict.fromkeys(packages, ("#",))
            for source, events in (handler.sources or everything).items():
                for event in events:
                    yield feed_queue(service), event_exchange(source), event


def _exchange(name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "vhost": VHOST,
        "type": kind,
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {},
    }


def _queue(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "vhost": VHOST,
        "durable": True,
        "auto_delete": False,
        "arguments": arguments,
    }


def _rung(delay_s: int) -> dict[str, Any]:
    """A queue whose messages expire to the queue that their routing key names."""
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": delay_s * 1_000,
        "x-dead-letter-exchange": "",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _binding(
    source: str, destination: str, routing_key: str, kind: str = "queue"
) -> dict[str, Any]:
    return {
        "source": source,
        "vhost": VHOST,
        "destination": destination,
        "destination_type": kind,
        "routing_key": routing_key,
        "arguments": {},
    }


def _queue_wait_policy() -> dict[str, Any]:
    """Stock clients set no limit on how long their requests may wait."""
    return {
        "vhost": VHOST,
        "name": "rpc-wait",
        "pattern": f"^rpc-({'|'.join(SERVICES)})$",
        "apply-to": "queues",
        "definition": {"message-ttl": _QUEUE_WAIT_MS},
        "priority": 0,
    }


def _permission(user: str) -> dict[str, str]:
    replies = rf"rpc\.reply-{user}-.*"
    if user == "operator":
        configure = write = read = ".*"
    elif user == "gateway":
        configure = f"^{replies}$"
        write = f"^({RPC_EXCHANGE}|{replies})$"
        # It hears every event, to keep caches and streams up to date.
        read = rf"^({RPC_EXCHANGE}|({'|'.join(SERVICES)})\.(events|feed)|{replies})$"
    else:
        configure = f"^{replies}$"
        write = (
            rf"^({RPC_EXCHANGE}|{user}\.(events|feed)|retry-[0-9]+s"
            rf"|{DEAD_LETTER_EXCHANGE}|{replies})$"
        )
        news = NEWS_EXCHANGE.replace(".", r"\.")
        read = (
            rf"^({RPC_EXCHANGE}|{news}|rpc-{user}|evt-.*--{user}\..*|feed-{user}"
            rf"|{replies})$"
        )
    return {
        "user": user,
        "vhost": VHOST,
        "configure": configure,
        "write": write,
        "read": read,
    }


def _topic_permission(user: str) -> dict[str, str]:
    """Whom a user may call, and that it hears nobody's replies but its own."""
    if user == "gateway":
        services = "|".join(SERVICES)
        write = rf"^(({services})\.[a-z_]+|reply\.({services})\.echo)$"
    else:
        callable_ = (*TRUST_CALLS, *CALLS.get(user, ()))
        calls = [name.replace(".", r"\.") for name in callable_]
        callees = sorted({name.partition(".")[0] for name in callable_})
        calls += [rf"reply\.{callee}\.echo" for callee in callees]
        # Stock clients ask for replies under a bare UUID.
        replies = [rf"reply\.[a-z]+\.{_UUID}", _UUID, rf"reply\.{user}\.hint"]
        write = f"^({'|'.join([*calls, *replies])})$"
    return {
        "user": user,
        "vhost": VHOST,
        "exchange": RPC_EXCHANGE,
        "write": write,
        "read": rf"^reply\.{user}\.({_UUID}|hint|echo)$",
    }


def declare(amqp_uri: str, topology: Mapping[str, Any] | None = None) -> None:
    """Declare everything; what is there already, and alike, is left alone.

    Args:
        amqp_uri: The operator's.
        topology: Another one than Rapport's own, as ``definitions`` makes it.

    Raises:
        TopologyMismatchError: What is there has other arguments; the message
            names it and says what to do.
        AMQPError: The broker cannot be reached or refuses us.
    """
    topology = topology or definitions()
    connection = pika.BlockingConnection(connection_parameters(amqp_uri))
    try:
        mismatches = [
            name
            for name, declaration in _declarations(topology)
            if not _declared(connection, declaration)
        ]
    finally:
        connection.close()
    if mismatches:
        raise TopologyMismatchError(
            f"On the broker {', '.join(mismatches)} has other arguments than this "
            "version needs. Drain it, delete it with "
            "`rabbitmqctl delete_queue`, and run `./crm up` again."
        )


def _declarations(topology: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for each in topology["exchanges"]:
        yield (
            each["name"],
            lambda channel, e=each: channel.exchange_declare(
                e["name"], e["type"], durable=True
            ),
        )
    for each in topology["queues"]:
        yield (
            each["name"],
            lambda channel, q=each: channel.queue_declare(
                q["name"], durable=True, arguments=q["arguments"]
            ),
        )
    for each in topology["bindings"]:
        yield each["destination"], partial(_bind, each)


def _bind(binding: Mapping[str, Any], channel: Any) -> None:
    bind = getattr(channel, f"{binding['destination_type']}_bind")
    bind(binding["destination"], binding["source"], binding["routing_key"])


def _declared(connection: pika.BlockingConnection, declaration: Any) -> bool:
    """Whether the declaration fits; a refusal costs the channel."""
    channel = connection.channel()
    try:
        declaration(channel)
    except ChannelClosedByBroker as error:
        if error.reply_code != _PRECONDITION_FAILED:
            raise
        return False
    channel.close()
    return True


if __name__ == "__main__":
    json.dump(definitions(), sys.stdout, indent=2)
    sys.stdout.write("\n")
