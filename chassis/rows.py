"""The rows of one organization in one collection.

A repository is built for one organization and never sees the collection
itself, so that forgetting ``org_id`` is impossible.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pymongo import ReturnDocument, UpdateOne
from pymongo.collection import Collection as Rows
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from chassis.context import Context
from chassis.mongo import QUERY_PLAN_KILLED, Document
from chassis.query import COUNT_CAP

__all__ = ["TenantRows"]

Read = TypeVar("Read")

_DUPLICATE_KEY: Final = 11_000
_BAD_VALUE: Final = 2
# A migration drops several indexes in a row.
_READ_ATTEMPTS: Final = 5


class TenantRows:
    """The rows of one organization in one collection."""

    def __init__(self, rows: Rows[Document], context: Context) -> None:
        self._rows = rows
        self._context = context
        self.org_id = context.org_id or context.identified_caller.org_id

    def _own(self, conditions: Mapping[str, Any]) -> Document:
        return {**conditions, "org_id": self.org_id}

    def _read(
        self, run: Callable[..., Read], keys: Sequence[tuple[str, int]] = ()
    ) -> Read:
        """What ``run`` reads, given the hint at an index.

        A migration drops indexes while they are read, and such as this code
        names but the next version does without. There are others to read.
        """
        hint = {"hint": dict(keys)} if keys else {}
        for _ in range(_READ_ATTEMPTS):
            try:
                return run(**hint)
            except OperationFailure as error:
                if error.code == _BAD_VALUE and hint:
                    hint = {}
                elif error.code != QUERY_PLAN_KILLED:
                    raise
        return run(**hint)

    def find_one(self, conditions: Mapping[str, Any]) -> Document | None:
        """The first row that matches, if any."""
        own = self._own(conditions)
        return self._read(
            lambda **_: self._rows.find_one(own, session=self._context.session)
        )

    def find(
        self,
        conditions: Mapping[str, Any],
        sort: list[tuple[str, int]],
        limit: int,
        without: Sequence[str] = (),
        *,
        only: Sequence[str] = (),
        keys: Sequence[tuple[str, int]] = (),
    ) -> list[Document]:
        """At most ``limit`` rows in order, without some of what they hold.

        Args:
            conditions: Of the rows.
            sort: Paths and directions.
            limit: How many rows.
            without: What need not be read of them.
            only: All that is to be read of them, besides the id.
            keys: Of the index to find them in; MongoDB's choice if not given.
        """
        return self._read(
            lambda **hint: list(
                self._rows.find(
                    self._own(conditions),
                    dict.fromkeys(without, 0) or dict.fromkeys(only, 1) or None,
                    sort=sort or None,
                    limit=limit,
                    session=self._context.session,
                    **hint,
                )
            ),
            keys,
        )

    def find_nth(
        self,
        conditions: Mapping[str, Any],
        sort: Sequence[tuple[str, int]],
        skip: int,
        *,
        keys: Sequence[tuple[str, int]] = (),
    ) -> Document | None:
        """The row behind the first ``skip`` in order: its id and sort values."""
        return self._read(
            lambda **hint: self._rows.find_one(
                self._own(conditions),
                {path: 1 for path, _ in sort},
                sort=list(sort),
                skip=skip,
                session=self._context.session,
                **hint,
            ),
            keys,
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
        return self._read(
            lambda **hint: list(
                self._rows.aggregate(
                    [{"$match": conditions}, *stages[1:]],
                    session=self._context.session,
                    **hint,
                )
            ),
            keys,
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
        return self._read(
            lambda **hint: self._rows.count_documents(
                self._own(conditions),
                limit=cap + 1,
                session=self._context.session,
                **hint,
            ),
            keys,
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
        found = self._read(
            lambda **_: list(
                self._rows.aggregate(
                    [*pipelines[0], *unions], session=self._context.session
                )
            )
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
            return _taken(error)
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

    def update_each(
        self,
        updates: Sequence[
            tuple[Mapping[str, Any], Mapping[str, Any] | Sequence[Mapping[str, Any]]]
        ],
    ) -> int:
        """Change the first row that matches each condition, in one message.

        Returns:
            How many rows are other than before.
        """
        return self._rows.bulk_write(
            [
                UpdateOne(self._own(conditions), update)
                for conditions, update in updates
            ],
            ordered=False,
            session=self._context.session,
        ).modified_count

    def update_many(
        self, updates: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    ) -> tuple[int, dict[int, DuplicateKeyError]]:
        """Change rows, each by its own conditions and update, in one message.

        Returns:
            How many there were to change, and those, by their place, of which
            a unique value is taken.

        Raises:
            BulkWriteError: Some could not be changed for another reason.
        """
        changes = [UpdateOne(self._own(asked), update) for asked, update in updates]
        try:
            done = self._rows.bulk_write(
                changes, ordered=False, session=self._context.session
            )
        except BulkWriteError as error:
            return error.details["nMatched"], _taken(error)
        return done.matched_count, {}

    def update_all(
        self, conditions: Mapping[str, Any], update: Mapping[str, Any]
    ) -> None:
        """Change every row that matches, alike."""
        self._rows.update_many(
            self._own(conditions), update, session=self._context.session
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


def _taken(error: BulkWriteError) -> dict[int, DuplicateKeyError]:
    """The writes, by their place, that failed because a unique value is taken.

    Raises:
        BulkWriteError: Some failed for another reason.
    """
    failures = error.details["writeErrors"]
    if any(each["code"] != _DUPLICATE_KEY for each in failures):
        raise error
    return {
        each["index"]: DuplicateKeyError("taken", _DUPLICATE_KEY, each)
        for each in failures
    }
