"""Brings records of an older shape up to date, in batches."""

import time
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.database import Database

from chassis.context import Context
from chassis.ids import new_id
from chassis.mongo import Document
from chassis.repository import Repository

__all__ = ["refresh"]

_BATCH: Final = 500
# Which shape all rows of a collection have at least; nobody else reads it.
_SHAPES: Final = "shapes"
_FOR_EVER_S: Final = 1e9


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
    records = repository(database, _nobody())
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


def _nobody() -> Context:
    """A repository is built for somebody, and shapes are the same for all."""
    return Context(
        caller=None,
        org_id="nobody",
        actor={"type": "operator", "id": "operator"},
        operation_id=new_id(),
        request_id=new_id(),
        traceparent="",
        deadline=time.time() + _FOR_EVER_S,
    )
