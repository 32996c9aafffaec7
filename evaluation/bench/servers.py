"""A private broker and database, and whatever is measured on them."""

import base64
import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pika
import pymongo

from chassis.rpc_session import connection_parameters
from evaluation.bench.documents import (
    COLLECTION,
    DATABASE,
    DOCUMENT_COUNT,
    document_id,
    sample,
)
from evaluation.bench.services.outbox.repository import COLLECTIONS as OUTBOX
from stack.disposable import disposable_stack
from stack.lifecycle import Stack
from stack.mongodb import Server
from stack.orphans import MARK
from stack.paths import ROOT
from stack.ports import choose_port
from stack.principals import OPERATOR
from stack.probes import Probe
from stack.processes import ProcessTable
from stack.specs import ProcessSpec
from stack.waiting import Waiting

__all__ = ["Servers", "private_servers"]

_USER: Final = "bench"
_DATABASES: Final = (DATABASE, "rapport_outbox", "rapport_single")
_STAGE: Final = 2
_NO_PROBE: Final = Probe()


@dataclass(frozen=True)
class Servers:
    """The servers of one run.

    Attributes:
        mongo_uri: Of a user who may do everything in the measured databases.
        vault_key: For relays, which will not start without.
        ports: Those that measured processes were given.
    """

    stack: Stack
    table: ProcessTable
    mongo_uri: str
    vault_key: str
    ports: list[int] = field(default_factory=list)

    def free_port(self) -> int:
        """A port that nobody has been given yet."""
        taken = [*self.table.settings.ports.values(), *self.ports]
        self.ports.append(choose_port(taken))
        return self.ports[-1]

    @property
    def amqp_uri(self) -> str:
        """The operator's, who may do everything on the broker."""
        return (self._operators / "amqp_uri").read_text().strip()

    @property
    def metrics_url(self) -> str:
        """Where the broker's own counters are read."""
        port = self.table.settings.ports["rabbitmq-prometheus"]
        return f"http://127.0.0.1:{port}/metrics"

    @property
    def _operators(self) -> Path:
        return self.stack.paths.secrets_of(OPERATOR)

    def database(self) -> pymongo.MongoClient[dict[str, Any]]:
        """A client with every right, to prepare and to look things up."""
        return _server(self.table).connect_as_root()

    def broker(self) -> pika.BlockingConnection:
        """A connection of the operator's, to declare and to look things up."""
        return pika.BlockingConnection(
            connection_parameters(self.amqp_uri, "bench-operator")
        )

    def environment(self, **more: str) -> dict[str, str]:
        """Settings of a process that is measured; it acts as the operator."""
        return {
            "AMQP_URI": self.amqp_uri,
            "HOME": str(self.stack.paths.root),
            "JWKS_FILE": str(self._operators / "jwks.json"),
            "LANG": "C.UTF-8",
            "MONGO_URI": self.mongo_uri,
            "PATH": os.environ["PATH"],
            "VAULT_KEY": self.vault_key,
            MARK: str(self.stack.paths.root),
            **more,
        }

    def start(
        self,
        name: str,
        command: tuple[str, ...],
        port: int | None = None,
        ready: Probe = _NO_PROBE,
        **environment: str,
    ) -> None:
        """Start a process under the stack's supervisor.

        Its log is that of a process of the stack; it ends with the stack at
        the latest.
        """
        spec = ProcessSpec(
            name=name,
            role="bench",
            stage=_STAGE,
            command=command,
            environment=self.environment(**environment),
            directory=str(ROOT),
            port=port,
            ready=ready,
            alive=_NO_PROBE,
        )
        self.run(spec)

    def run(self, *specs: ProcessSpec) -> None:
        """Start processes that are specified already, and wait for them."""
        self.stack.supervisor.ask("apply", specs=[spec.to_json() for spec in specs])

    def start_worker(self, service: str, role: str) -> str:
        """Start a process of one of Rapport's own services; its name.

        Nothing asks how it is afterwards, so it may be stopped for a while.
        """
        name = f"{service}-{role}-1"
        spec = self.table.worker(service, role, name)
        self.run(replace(spec, alive=_NO_PROBE))
        return name

    def await_running(self, *names: str) -> None:
        """Wait until each has shown that it works.

        Raises:
            StackError: One does not.
        """
        Waiting(self.stack.paths).until_running(names, timeout_s=60)

    def stop(self, *names: str) -> None:
        """Stop processes in their own good time and forget them."""
        self.stack.supervisor.ask("remove", names=list(names))

    def pids(self) -> Mapping[str, int]:
        """The process id of everything that runs, by name."""
        processes = self.stack.supervisor.ask("status")
        return {each["name"]: each["pid"] for each in processes if each["pid"]}


@contextlib.contextmanager
def private_servers(say: Callable[[str], None]) -> Iterator[Servers]:
    """A broker and a database that nobody else uses; gone afterwards.

    They stop with this process however it ends, and what a killed one left
    on the disk is removed by the next.
    """
    with disposable_stack("bench", say) as (stack, lifeline):
        table = stack.up_servers(lifeline)
        yield Servers(stack, table, _prepare_database(table), _vault_key())


def _vault_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _server(table: ProcessTable) -> Server:
    address = f"127.0.0.1:{table.settings.ports['mongodb']}"
    root, operator = (
        (table.paths.secrets / owner / name).read_text()
        for owner, name in (("mongodb", "root_password"), (OPERATOR, "mongo_password"))
    )
    return Server(address, address, root, operator)


def _prepare_database(table: ProcessTable) -> str:
    """Make the user, the indexes and the documents to read; the user's URI."""
    server = _server(table)
    password = secrets.token_hex(20)
    with server.connect_as_root() as client:
        roles = [{"role": "dbOwner", "db": name} for name in _DATABASES]
        client.admin.command("createUser", _USER, pwd=password, roles=roles)
        client[DATABASE][COLLECTION].insert_many(
            {**sample(), "_id": document_id(number)} for number in range(DOCUMENT_COUNT)
        )
        for collection in OUTBOX:
            client["rapport_outbox"].create_collection(collection.name)
            for index in collection.indexes:
                client["rapport_outbox"][collection.name].create_index(
                    list(index.keys), unique=index.is_unique, sparse=index.is_sparse
                )
    return f"mongodb://{_USER}:{password}@{server.address}/?replicaSet=rs0"
