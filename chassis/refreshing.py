"""Brings records of an older shape up to date, in batches."""

from typing import Any, Final

from pymongo import UpdateOne
from pymongo.database import Database

from chassis.context import operator_context
from chassis.mongo import Document
from chassis.repository import Repository

__all__ = ["known_shape", "note_shape", "refresh"]

_BATCH: Final = 500
# Which shape all rows of a collection have at least.
_SHAPES: Final = "shapes"
# A repository is built for some organization; shapes are the same for all.
_ANY_ORG: Final = "nobody"


def refresh(database: Database[Document], repository: type[Repository[Any]]) -> int:
    """Store anew what indexes find records by, where its shape is older.

    The values themselves, their versions and their history stay as they are.
    A record that a service changes meanwhile is left to it. Run again after it
    was cut short, it goes on with what is left; done, it costs one look.

    Returns:
        How many records it brought up to date.

    Raises:
        PyMongoError: The database refuses.
    """
    rows = database[repository.collection.name]
    name, wanted = repository.collection.name, repository.schema_version
    if (known_shape(database, name) or 1) >= wanted:
        return 0
    records = repository(database, operator_context(_ANY_ORG))
    refreshed, last = 0, ""
    while True:
        older = {"_id": {"$gt": last}, "schema_version": {"$lt": wanted}}
        batch = list(rows.find(older, sort=[("_id", 1)], limit=_BATCH))
        if not batch:
            break
        last = batch[-1]["_id"]
        updates = [
            UpdateOne(
                {"_id": row["_id"], "version": row["version"]},
                {
                    "$set": {
                        **records.keys_of(records.restore(row), row),
                        "schema_version": wanted,
                    }
                },
            )
            for row in batch
        ]
        refreshed += rows.bulk_write(updates, ordered=False).modified_count
    note_shape(database, name, wanted)
    return refreshed


def known_shape(database: Database[Document], name: str) -> int | None:
    """The shape that all rows of a collection have at least, if that is known."""
    row = database[_SHAPES].find_one({"_id": name})
    return None if row is None else int(row["schema_version"])


def note_shape(database: Database[Document], name: str, schema_version: int) -> None:
    """Note that all rows of a collection have this shape at least.

    Whoever made all of them saves the next migration the look at each.
    """
    noted = {"$set": {"schema_version": schema_version}}
    database[_SHAPES].update_one({"_id": name}, noted, upsert=True)
