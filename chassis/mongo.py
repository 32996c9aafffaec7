"""MongoDB for services: connections, declared collections, tenant-scoped rows.

A repository is built for one organization and never sees the collection
itself, so that forgetting ``org_id`` is impossible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

import pymongo
from nameko.extensions import DependencyProvider, SharedExtension
from pymongo import MongoClient, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as Rows
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from chassis.config import setting
from chassis.context import Context, context_of
from chassis.errors import DeadlineExceededError, UnavailableError, WireError
from chassis.query import COUNT_CAP

__all__ = [
    "Collection",
    "Document",
    "Index",
    "MongoDatabase",
    "Repositories",
    "TenantRows",
    "Transaction",
    "Transactions",
    "as_wire_error",
    "by",
    "connect",
]

Document = dict[str, Any]
_DUPLICATE_KEY: Final = 11_000


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
    if isinstance(error, pymongo.errors.ConnectionFailure) or error.has_error_label(
        "TransientTransactionError"
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


class TenantRows:
    """The rows of one organization in one collection."""

    def __init__(self, rows: Rows[Document], context: Context) -> None:
        self._rows = rows
        self._context = context
        self.org_id = context.org_id or context.identified_caller.org_id

    def _own(self, conditions: Mapping[str, Any]) -> Document:
        return {**conditions, "org_id": self.org_id}

    def find_one(self, conditions: Mapping[str, Any]) -> Document | None:
        """The first row that matches, if any."""
        return self._rows.find_one(self._own(conditions), session=self._context.session)

    def find(
        self,
        conditions: Mapping[str, Any],
        sort: list[tuple[str, int]],
        limit: int,
        without: Sequence[str] = (),
    ) -> list[Document]:
        """At most ``limit`` rows in order, without some of what they hold."""
        return list(
            self._rows.find(
                self._own(conditions),
                dict.fromkeys(without, 0) or None,
                sort=sort,
                limit=limit,
                session=self._context.session,
            )
        )

    def find_nth(
        self, conditions: Mapping[str, Any], sort: tuple[str, int], skip: int
    ) -> Document | None:
        """The row behind the first ``skip`` in order: its id and sort value."""
        return self._rows.find_one(
            self._own(conditions),
            {sort[0]: 1},
            sort=[sort],
            skip=skip,
            session=self._context.session,
        )

    def aggregate(
        self, stages: Sequence[Document], keys: Sequence[tuple[str, int]]
    ) -> list[Document]:
        """Rows read in the order of the index with ``keys``, put through stages.

        Args:
            stages: The first one is a ``$match``.
            keys: Of an index that begins with the organization.
        """
        conditions = self._own(stages[0]["$match"])
        return list(
            self._rows.aggregate(
                [{"$match": conditions}, *stages[1:]],
                hint=dict(keys),
                session=self._context.session,
            )
        )

    def count(
        self,
        conditions: Mapping[str, Any],
        cap: int = COUNT_CAP,
        *,
        keys: Sequence[tuple[str, int]] = (),
    ) -> int:
        """How many rows match; stops counting one behind the cap.

        Args:
            conditions: Of the rows.
            cap: How far to count.
            keys: Of the index to count in; MongoDB's choice if not given.
        """
        hint = {"hint": dict(keys)} if keys else {}
        return self._rows.count_documents(
            self._own(conditions),
            limit=cap + 1,
            session=self._context.session,
            **hint,
        )

    def rarest_first(self, path: str, values: Sequence[Any], enough: int) -> list[Any]:
        """``values`` by how many rows have them, counting to ``enough``.

        An index on ``path`` has to serve it; it is one message.
        """
        pipelines: list[list[Document]] = [
            [
                {"$match": self._own({path: value})},
                {"$limit": enough},
                {"$group": {"_id": value, "count": {"$sum": 1}}},
            ]
            for value in values
        ]
        unions = [
            {"$unionWith": {"coll": self._rows.name, "pipeline": each}}
            for each in pipelines[1:]
        ]
        found = self._rows.aggregate(
            [*pipelines[0], *unions], session=self._context.session
        )
        counts = {row["_id"]: row["count"] for row in found}
        return sorted(values, key=lambda value: counts.get(value, 0))

    def insert(self, document: Document) -> None:
        """Store a new row.

        Raises:
            DuplicateKeyError: A unique value is taken.
        """
        self._rows.insert_one(self._own(document), session=self._context.session)

    def insert_many(
        self, documents: Sequence[Document]
    ) -> dict[int, DuplicateKeyError]:
        """Store new rows, each for itself.

        Returns:
            The rows, by their place, of which a unique value is taken.

        Raises:
            BulkWriteError: Some could not be stored for another reason.
        """
        try:
            self._rows.insert_many(
                [self._own(document) for document in documents],
                ordered=False,
                session=self._context.session,
            )
        except BulkWriteError as error:
            failures = error.details["writeErrors"]
            if any(each["code"] != _DUPLICATE_KEY for each in failures):
                raise
            return {
                each["index"]: DuplicateKeyError("taken", _DUPLICATE_KEY, each)
                for each in failures
            }
        return {}

    def update(
        self, conditions: Mapping[str, Any], update: Mapping[str, Any]
    ) -> Document | None:
        """Change the first row that matches; the row as it is then, if any."""
        return self._rows.find_one_and_update(
            self._own(conditions),
            update,
            return_document=ReturnDocument.AFTER,
            session=self._context.session,
        )

    def upsert(
        self, conditions: Mapping[str, Any], update: Mapping[str, Any]
    ) -> Document:
        """Change the row that matches or make it; the row as it is then."""
        row: Document = self._rows.find_one_and_update(
            self._own(conditions),
            update,
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._context.session,
        )  # type: ignore[assignment]
        return row

    def delete_many(self, conditions: Mapping[str, Any]) -> None:
        """Remove every row that matches."""
        self._rows.delete_many(self._own(conditions), session=self._context.session)

    def delete(self, conditions: Mapping[str, Any]) -> None:
        """Remove the first row that matches."""
        self._rows.delete_one(self._own(conditions), session=self._context.session)


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
