"""Brings a service's database to the shape that its code declares.

Run by the operator, never by the service: the runtime user that is made here
may read and write the declared collections, append to the append-only ones,
and alter nothing. Running it again changes nothing.
"""

from collections.abc import Sequence
from typing import Any, Final

from pymongo import IndexModel, MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from chassis.mongo import Collection, Document, Index

__all__ = ["migrate"]

# UserNotFound and RoleNotFound.
_NOT_FOUND: Final = frozenset({11, 31})
_READ: Final = ["find", "collStats", "indexStats"]


def migrate(
    client: MongoClient[Document],
    service: str,
    runtime_password: str,
    collections: Sequence[Collection],
) -> None:
    """Make collections, indexes, and the service's own user with least rights.

    Args:
        client: Connected as the operator.
        service: The service's name; its database is ``rapport_<service>``.
        runtime_password: The password that its user has from now on.
        collections: Everything that the service's repositories declare.

    Raises:
        PyMongoError: The database refuses, for example because an index of
            the same name has other options.
    """
    database = client[f"rapport_{service}"]
    present = set(database.list_collection_names())
    for collection in collections:
        if collection.name not in present:
            database.create_collection(collection.name)
        if collection.indexes:
            database[collection.name].create_indexes(
                [_model(index) for index in collection.indexes]
            )
    role = {
        "role": "runtime",
        "privileges": [_privilege(database.name, each) for each in collections]
        + [
            {
                "resource": {"db": database.name, "collection": ""},
                "actions": ["changeStream", "find"],
            }
        ],
        "roles": [],
    }
    _make_or_update(database, "Role", role)
    user = {"user": service, "pwd": runtime_password, "roles": ["runtime"]}
    _make_or_update(database, "User", user)


def _model(index: Index) -> IndexModel:
    options: dict[str, Any] = {"unique": index.is_unique, "sparse": index.is_sparse}
    if index.partial is not None:
        options["partialFilterExpression"] = dict(index.partial)
    if index.expires_after_s is not None:
        options["expireAfterSeconds"] = index.expires_after_s
    return IndexModel(list(index.keys), **options)


def _privilege(database: str, collection: Collection) -> dict[str, Any]:
    changing = [] if collection.is_append_only else ["update", "remove"]
    return {
        "resource": {"db": database, "collection": collection.name},
        "actions": [*_READ, "insert", *changing],
    }


def _make_or_update(
    database: Database[Document], kind: str, definition: dict[str, Any]
) -> None:
    """``updateUser`` or ``createUser``, and the same for roles."""
    name_field = kind.lower()
    name = definition[name_field]
    rest = {key: value for key, value in definition.items() if key != name_field}
    try:
        database.command({f"update{kind}": name, **rest})
    except OperationFailure as error:
        if error.code not in _NOT_FOUND:
            raise
        database.command({f"create{kind}": name, **rest})
