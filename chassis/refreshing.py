"""Brings records of an older shape up to date, in batches."""

from typing import Any, Final

from pymongo import UpdateOne
from pymongo.database import Database

from chassis.context import operator_context
from chassis.mongo import Document
from chassis.repository import Repository

__all__ = ["refresh"]

_BATCH: Final = 500
# Which shape all rows of a collection have at least; nobody else reads it.
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
    shape = {"_id": repository.collection.name}
    known = database[_SHAPES].find_one(shape) or {"schema_version": 1}
    wanted = repository.schema_version
    if known["schema_version"] >= wanted:
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
    database[_SHAPES].update_one(
        shape, {"$set": {"schema_version": wanted}}, upsert=True
    )
    return refreshed
