"""Looking up what there is: over HTTP, in the databases, on the broker."""

import contextlib
import json
import mailbox
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pika
import pika.exceptions
import pymongo
from pymongo.errors import PyMongoError

from chassis.rpc_session import connection_parameters
from evaluation.chaos.client import Client
from evaluation.chaos.ledger import Delivery, Row
from stack.paths import ROOT

__all__ = ["Operator", "Reader", "UnreadableError"]

_PAGE: Final = 200
_TIMEOUT_MS: Final = 3_000
_DEAD: Final = "dead-letters-"
_SHOWN_DEAD_LETTERS: Final = 5
_RELAYING: Final = ("auth", "customer", "sales")
# By plural noun: what names the write, and what a later change leaves.
_SHOWN: Final[Mapping[str, tuple[str, str | None]]] = {
    "contacts": ("last_name", "job_title"),
    "accounts": ("name", None),
    "interactions": ("subject", None),
    "leads": ("company", "status"),
    "opportunities": ("name", "status"),
}
# Nobody wrote what the system noted.
_ASKED: Final = {"interactions": "&filter[type][ne]=system"}


class UnreadableError(Exception):
    """Something could not be looked up, and why."""


class Operator:
    """Looks into databases and queues with the operator's rights."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self._amqp_uri = status["amqp_uri"]
        self._mongo: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            status["mongo_uri"], serverSelectionTimeoutMS=_TIMEOUT_MS
        )
        self._mailbox = Path(status["mailbox"])
        definitions = json.loads((ROOT / "rabbitmq" / "definitions.json").read_text())
        self._queues = [queue["name"] for queue in definitions["queues"]]

    def close(self) -> None:
        """Let go of the connections."""
        self._mongo.close()

    def relay_lease(self, service: str) -> dict[str, Any] | None:
        """Who relays a service's events, and how far that is."""
        return self._mongo[f"rapport_{service}"]["leases"].find_one({"_id": "relay"})

    def unpublished(self) -> list[str]:
        """The services whose outbox is not empty; complaints."""
        complaints = []
        for service in _RELAYING:
            waiting = self._waiting_records(service)
            lease = self.relay_lease(service) or {}
            behind = lease.get("position", 0) - lease.get("published", 0)
            if waiting or behind:
                complaints.append(
                    f"outbox of {service}: {waiting} records wait, the broker lacks "
                    f"{behind} events"
                )
        return complaints

    def _waiting_records(self, service: str) -> int:
        database = self._mongo[f"rapport_{service}"]
        return sum(
            database[name].count_documents({"pending_at": {"$exists": True}})
            for name in database.list_collection_names()
            if "pending_at_1" in database[name].index_information()
        )

    def queued(self) -> dict[str, int]:
        """How many messages wait in each queue that holds any.

        Raises:
            UnreadableError: The broker does not answer.
        """
        with self._broker() as connection:
            channel = connection.channel()
            counts = {
                name: channel.queue_declare(name, passive=True).method.message_count
                for name in self._queues
            }
        return {name: count for name, count in counts.items() if count}

    def dead_letters(self) -> Counter[str]:
        """How many dead letters each service has."""
        return Counter(
            {
                name.removeprefix(_DEAD): count
                for name, count in self.queued().items()
                if name.startswith(_DEAD)
            }
        )

    def describe_dead_letters(self, service: str) -> list[str]:
        """The headers of a few; they stay where they are."""
        with self._broker() as connection:
            channel = connection.channel()
            found = [
                channel.basic_get(_DEAD + service) for _ in range(_SHOWN_DEAD_LETTERS)
            ]
            return [
                f"{service}: {properties.message_id} {properties.headers}"
                for _, properties, body in found
                if body is not None
            ]

    @contextlib.contextmanager
    def _broker(self) -> Iterator[pika.BlockingConnection]:
        parameters = connection_parameters(self._amqp_uri, "chaos")
        try:
            connection = pika.BlockingConnection(parameters)
            try:
                yield connection
            finally:
                with contextlib.suppress(pika.exceptions.AMQPError):
                    connection.close()
        except (OSError, pika.exceptions.AMQPError) as error:
            raise UnreadableError(f"the broker: {error!r}") from error

    def mails(self) -> Counter[str]:
        """How many welcomes the mail catcher has for each address."""
        box = mailbox.Maildir(self._mailbox, create=False)
        try:
            return Counter(
                str(message["X-Envelope-To"])
                for message in box
                if str(message["Subject"]).startswith("Welcome")
            )
        finally:
            box.close()

    def unsettled(self) -> list[str]:
        """What waits to be published or handled; complaints."""
        try:
            waiting = self.unpublished()
            queued = self.queued()
        except (PyMongoError, UnreadableError) as error:
            return [repr(error)]
        return waiting + [
            f"{count} messages in {name}"
            for name, count in queued.items()
            if not name.startswith(_DEAD)
        ]


class Reader:
    """Reads an organization's data through the front door."""

    def __init__(self, gateway: str, token: str) -> None:
        self._client = Client(gateway, token)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def rows(self) -> dict[str, list[Row]]:
        """All records of all kinds.

        Raises:
            UnreadableError: The gateway did not answer as it should.
        """
        return {plural: list(self._pages(plural)) for plural in _SHOWN}

    def _pages(self, plural: str) -> Iterator[Row]:
        marker, state = _SHOWN[plural]
        names = ",".join(filter(None, ("id", "version", marker, state)))
        path = f"/v1/{plural}?limit={_PAGE}&fields={names}{_ASKED.get(plural, '')}"
        cursor = ""
        while True:
            page = self._get(f"{path}&cursor={cursor}" if cursor else path)
            for each in page["data"]:
                value = None if state is None else each.get(state)
                yield Row(each["id"], str(each.get(marker)), each["version"], value)
            cursor = page["page"]["next_cursor"]
            if not cursor:
                return

    def totals(self) -> dict[str, int]:
        """How often which event was counted."""
        totals: dict[str, int] = self._get("/v1/analytics/activity")["totals"]
        return totals

    def deliveries(self) -> list[Delivery]:
        """What was sent to the organization's people."""
        page = self._get(f"/v1/deliveries?limit={_PAGE}")
        return [Delivery(each["template"], each["status"]) for each in page["data"]]

    def _get(self, path: str) -> Mapping[str, Any]:
        answer = self._client.get(path)
        if not answer.is_success:
            raise UnreadableError(f"GET {path} was answered {answer}")
        return answer.document
