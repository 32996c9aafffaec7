"""Bringing databases and broker to the shape that the code declares."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pika.exceptions import AMQPError
from pymongo.errors import PyMongoError

from stack import mongodb, rabbitmq
from stack.errors import StackError
from stack.preflight import LEAST_FREE_BYTES, check_disk
from stack.principals import OPERATOR, SERVICES
from stack.processes import ProcessTable
from stack.secrets import mongo_passwords
from stack.waiting import Waiting

__all__ = ["Provision"]


@dataclass(frozen=True)
class Provision:
    """Sets one stack's servers up; repeating it changes nothing."""

    table: ProcessTable
    migrate_all: Callable[[str, dict[str, str | None], Callable[[str], None]], None]
    declare: Callable[[str], None]
    mismatch: type[Exception]
    say: Callable[[str], None]

    @classmethod
    def load(cls, table: ProcessTable, say: Callable[[str], None]) -> "Provision":
        """Import every service's modules, which other commands do without.

        Not in a thread: eventlet, which the services bring along, would keep
        that thread from ever ending.
        """
        from stack.migrate import migrate_all  # noqa: PLC0415
        from stack.topology import TopologyMismatchError, declare  # noqa: PLC0415

        return cls(table, migrate_all, declare, TopologyMismatchError, say)

    def set_database_up(self) -> None:
        """Make replica set, users, collections and indexes, once MongoDB runs.

        On a server of somebody else's only collections and indexes: every
        process comes with the credentials in its URI, and users that another
        stack has made there must keep their passwords.

        Raises:
            StackError: MongoDB refuses.
        """
        passwords: dict[str, str | None] = dict.fromkeys(SERVICES)
        try:
            if not self.table.external.mongo_uri:
                passwords |= mongo_passwords(self.table.paths.secrets)
                Waiting(self.table.paths).until_running(["mongodb"])
                mongodb.initialize(self._server())
            self.migrate_all(self._operators("mongo_uri"), passwords, self.say)
        except PyMongoError as error:
            check_disk(self.table.paths, LEAST_FREE_BYTES)
            raise StackError(
                f"MongoDB could not be set up: {error}. See `./crm logs mongodb`."
            ) from error

    def set_broker_up(self) -> None:
        """Declare the topology, once RabbitMQ runs.

        Raises:
            StackError: RabbitMQ refuses, or has a queue of the same name that
                is different.
        """
        if not self.table.external.amqp_uri:
            Waiting(self.table.paths).until_running(["rabbitmq"])
        try:
            self._grant_rights()
            self.declare(self._operators("amqp_uri"))
        except self.mismatch as error:
            raise StackError(str(error)) from error
        except (AMQPError, OSError) as error:
            check_disk(self.table.paths, LEAST_FREE_BYTES)
            raise StackError(
                f"RabbitMQ could not be set up: {error!r}. See `./crm logs rabbitmq`."
            ) from error

    def _grant_rights(self) -> None:
        """On a node of our own; on another its owner does, with our definitions."""
        if not self.table.external.amqp_uri:
            uri = urlsplit(self._operators("amqp_uri"))
            rabbitmq.grant_rights(
                self.table.settings.ports["rabbitmq-management"],
                unquote(uri.username or ""),
                unquote(uri.password or ""),
            )

    def _server(self) -> mongodb.Server:
        address = f"127.0.0.1:{self.table.settings.ports['mongodb']}"
        secrets = self.table.paths.secrets
        return mongodb.Server(
            address=address,
            member=address,
            root_password=(secrets / "mongodb" / "root_password").read_text(),
            operator_password=(secrets / OPERATOR / "mongo_password").read_text(),
        )

    def _operators(self, name: str) -> str:
        return (self.table.paths.secrets_of(OPERATOR) / name).read_text()
