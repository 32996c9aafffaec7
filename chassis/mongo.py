"""MongoDB for services: connections, declared collections, what is injected."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

import pymongo
from nameko.extensions import DependencyProvider, SharedExtension
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from chassis.config import setting
from chassis.context import Context, context_of
from chassis.errors import DeadlineExceededError, UnavailableError, WireError

__all__ = [
    "QUERY_PLAN_KILLED",
    "Collection",
    "Document",
    "Index",
    "MongoDatabase",
    "Repositories",
    "Transaction",
    "Transactions",
    "as_wire_error",
    "by",
    "connect",
]

Document = dict[str, Any]
# An index was dropped while it was read.
QUERY_PLAN_KILLED: Final = 175
# A document is larger than 16 MiB, or an update would make it so.
_TOO_LARGE: Final = frozenset({10_334, 17_419, 17_420})


@dataclass(frozen=True)
class Index:
    """One index; a unique one begins with ``org_id`` unless global."""

    keys: tuple[tuple[str, int], ...]
    is_unique: bool = False
    partial: Mapping[str, Any] | None = None
    expires_after_s: int | None = None
    is_sparse: bool = False


def by(*fields: str, covering: Sequence[str] = ()) -> Index:
    """An index within an organization, total in its order.

    Args:
        fields: What it finds and orders by.
        covering: What else is often asked of the rows on the way: told by the
            index, it saves reading those that do not fit.
    """
    more = (field for field in covering if field not in fields)
    names = ("org_id", *fields, "_id", *more)
    return Index(tuple((name, 1) for name in names))


@dataclass(frozen=True)
class Collection:
    """A collection, declared beside its repository and made by the migration.

    Attributes:
        is_append_only: The service's own database user may find and insert
            rows, but neither change nor remove them.
        is_global: Rows belong to no organization.
    """

    name: str
    indexes: tuple[Index, ...] = ()
    is_append_only: bool = False
    is_global: bool = False


def connect(uri: str, name: str) -> MongoClient[Document]:
    """A client whose acknowledged writes survive the loss of a node."""
    return MongoClient(
        uri,
        appname=name,
        tz_aware=True,
        tzinfo=UTC,
        w="majority",
        retryWrites=True,
        maxPoolSize=64,
        connectTimeoutMS=1_500,
        serverSelectionTimeoutMS=1_500,
        socketTimeoutMS=30_000,
    )


def as_wire_error(error: BaseException) -> WireError | None:
    """What a caller is told of a database error; None if it is our bug."""
    if not isinstance(error, PyMongoError):
        return None
    if error.timeout:
        return DeadlineExceededError(
            "deadline_exceeded", "The database did not answer in time."
        )
    code = getattr(error, "code", None)
    if code in _TOO_LARGE:
        # What is taken in is bounded: events that wait have filled the record.
        return UnavailableError("outbox_full", "Too many events of it wait.")
    if (
        isinstance(error, pymongo.errors.ConnectionFailure)
        or error.has_error_label("TransientTransactionError")
        or code == QUERY_PLAN_KILLED
    ):
        return UnavailableError("database_unavailable", "The database is away.")
    return None


class MongoDatabase(SharedExtension):  # type: ignore[misc]
    """The service's own database; one client per process."""

    def setup(self) -> None:
        """Create the client; it connects on first use."""
        name = self.container.service_name
        self._client = connect(setting("MONGO_URI"), name)
        self.database: Database[Document] = self._client[f"rapport_{name}"]

    def stop(self) -> None:
        """Close every connection."""
        self._client.close()

    def kill(self) -> None:
        """Close every connection."""
        self._client.close()

    def ping(self) -> None:
        """Ask the primary for a sign of life.

        Raises:
            PyMongoError: There is none within a second.
        """
        with pymongo.timeout(1):
            self.database.command("ping")


class Repositories(DependencyProvider):  # type: ignore[misc]
    """Injects a repository that is built for the worker's organization.

    ``leads: LeadRepository = inject(Repositories(LeadRepository))``. Any
    class whose constructor takes a database and a context will do.
    """

    mongo = MongoDatabase()

    def __init__(
        self, repository: Callable[[Database[Document], Context], Any]
    ) -> None:
        self._repository = repository

    def get_dependency(self, worker_ctx: Any) -> Any:
        """One repository per worker."""
        return _Late(self._repository, self.mongo.database, context_of(worker_ctx))


class _Late:
    """Builds the repository on first use, and anew for another organization.

    A dependency that raises while it is injected would kill the container,
    and a public call or a timer finds out only later whom it works for.
    """

    def __init__(
        self,
        repository: Callable[[Database[Document], Context], Any],
        database: Database[Document],
        context: Context,
    ) -> None:
        self._build = repository, database, context
        self._built: tuple[str | None, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        repository, database, context = self._build
        if self._built is None or self._built[0] != context.org_id:
            self._built = context.org_id, repository(database, context)
        return getattr(self._built[1], name)


class Transaction:
    """Runs writes of several repositories of one worker as one."""

    def __init__(self, client: MongoClient[Document], context: Context) -> None:
        self._client = client
        self._context = context

    def __call__(self, work: Callable[[], Any]) -> Any:
        """Do ``work`` in a transaction; it may be run again after a conflict.

        Raises:
            PyMongoError: The transaction could not be committed.
        """

        def run(session: ClientSession) -> Any:
            self._context.session = session
            try:
                return work()
            finally:
                self._context.session = None

        with self._client.start_session() as session:
            return session.with_transaction(run)


class Transactions(DependencyProvider):  # type: ignore[misc]
    """Injects a :class:`Transaction`."""

    mongo = MongoDatabase()

    def get_dependency(self, worker_ctx: Any) -> Transaction:
        """One per worker."""
        return Transaction(self.mongo.database.client, context_of(worker_ctx))
