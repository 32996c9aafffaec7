"""A one-node replica set with authentication: first start, and moved ports."""

import logging
import select
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pymongo
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from stack.errors import StackError
from stack.principals import OPERATOR, SERVICES

__all__ = ["Server", "initialize"]

logger = logging.getLogger(__name__)

_ALREADY_INITIALIZED: Final = 23
_NOT_YET_INITIALIZED: Final = 94
_USER_NOT_FOUND_OR_WRONG: Final = 18
_POLL_S: Final = 0.1
_REPLICA_SET: Final = "rs0"


@dataclass(frozen=True)
class Server:
    """A mongod that we may set up.

    Attributes:
        address: ``host:port`` on which this process reaches it. On the first
            start that must be its loopback interface, since only there
            (MongoDB's localhost exception) may the first user be made.
        member: ``host:port`` under which its clients find it.
    """

    address: str
    member: str
    root_password: str
    operator_password: str

    def connect(self, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        """A client of this very node, whatever its replica set says."""
        return pymongo.MongoClient(
            f"mongodb://{self.address}",
            directConnection=True,
            serverSelectionTimeoutMS=2_000,
            **options,
        )

    def connect_as_root(self) -> pymongo.MongoClient[dict[str, Any]]:
        """A client with every right."""
        return self.connect(
            username="root", password=self.root_password, authSource="admin"
        )


def initialize(server: Server, timeout_s: float = 60) -> None:
    """Make the replica set, its root user and the operator, where missing.

    Repeating it changes nothing; after a run that was cut short it completes
    what is missing. A replica set whose node has moved to another port learns
    its new address.

    Raises:
        StackError: The server did not become a writable primary in time, or
            knows another root password than ours.
    """
    deadline = time.monotonic() + timeout_s
    if not _root_can_log_in(server, deadline):
        with server.connect() as client:
            _initiate(client, server)
            _await_primary(client, deadline)
            _create_root(client, server)
    with server.connect_as_root() as client:
        _correct_member(client, server, deadline)
        _await_primary(client, deadline)
        _upsert_operator(client, server)


def _root_can_log_in(server: Server, deadline: float) -> bool:
    while True:
        try:
            with server.connect_as_root() as client:
                client.admin.command("ping")
        except OperationFailure as error:
            if error.code == _USER_NOT_FOUND_OR_WRONG:
                return False
            raise
        except AutoReconnect as error:
            _check(deadline, f"MongoDB at {server.address} does not answer: {error}")
        else:
            return True


def _initiate(client: pymongo.MongoClient[dict[str, Any]], server: Server) -> None:
    configuration = {
        "_id": _REPLICA_SET,
        "members": [{"_id": 0, "host": server.member}],
    }
    try:
        client.admin.command("replSetInitiate", configuration)
    except OperationFailure as error:
        if error.code != _ALREADY_INITIALIZED:
            raise


def _await_primary(
    client: pymongo.MongoClient[dict[str, Any]], deadline: float
) -> None:
    while not _is_primary(client):
        _check(deadline, "MongoDB did not become a writable primary")
        # The server answers at the latest when this time is over, at once if
        # something changes: waiting without asking again and again.
        topology = client.admin.command("hello").get("topologyVersion")
        if topology:
            _hello_when_changed(client, topology)


def _is_primary(client: pymongo.MongoClient[dict[str, Any]]) -> bool:
    try:
        return bool(client.admin.command("hello").get("isWritablePrimary"))
    except AutoReconnect:
        return False


def _hello_when_changed(
    client: pymongo.MongoClient[dict[str, Any]], topology: Mapping[str, Any]
) -> None:
    try:
        client.admin.command("hello", topologyVersion=topology, maxAwaitTimeMS=500)
    except PyMongoError:
        logger.debug("hello was cut short", exc_info=True)


def _create_root(client: pymongo.MongoClient[dict[str, Any]], server: Server) -> None:
    try:
        client.admin.command(
            "createUser", "root", pwd=server.root_password, roles=["root"]
        )
    except OperationFailure as error:
        raise StackError(
            f"MongoDB at {server.address} has users already, but our root password "
            "does not open it. Stop the stack with `./crm down --purge` to begin "
            "with an empty database."
        ) from error


def _correct_member(
    client: pymongo.MongoClient[dict[str, Any]], server: Server, deadline: float
) -> None:
    configuration = _configuration(client, deadline)
    member = configuration["members"][0]
    if member["host"] == server.member:
        return
    member["host"] = server.member
    configuration["version"] += 1
    client.admin.command("replSetReconfig", configuration, force=True)


def _configuration(
    client: pymongo.MongoClient[dict[str, Any]], deadline: float
) -> dict[str, Any]:
    """The replica set's, as soon as a server that has just started has read it."""
    while True:
        try:
            answer = client.admin.command("replSetGetConfig")
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                raise
            _check(deadline, "MongoDB did not find its replica set's configuration")
            select.select([], [], [], _POLL_S)
        else:
            configuration: dict[str, Any] = answer["config"]
            return configuration


def _upsert_operator(
    client: pymongo.MongoClient[dict[str, Any]], server: Server
) -> None:
    roles = [{"role": "dbOwner", "db": f"rapport_{service}"} for service in SERVICES]
    roles.append({"role": "clusterMonitor", "db": "admin"})
    known = client.admin.command("usersInfo", OPERATOR)["users"]
    client.admin.command(
        "updateUser" if known else "createUser",
        OPERATOR,
        pwd=server.operator_password,
        roles=roles,
    )


def _check(deadline: float, complaint: str) -> None:
    if time.monotonic() > deadline:
        raise StackError(f"{complaint}. See `./crm logs mongodb`.")
