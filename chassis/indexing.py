"""Makes a collection's indexes those that its code declares."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from bson import encode
from pymongo import IndexModel
from pymongo.database import Database

from chassis.mongo import Collection, Document, Index

__all__ = ["drop_undeclared", "make_declared"]

_ALWAYS_THERE: Final = "_id_"
_NAME_DIGITS: Final = 8

# What says nothing about what an index finds.
_INCIDENTAL: Final = frozenset({"key", "name", "v", "ns", "background", "hidden"})

# Keys and options: what makes two indexes the same one.
_Shape = tuple[tuple[tuple[str, Any], ...], bytes]


def make_declared(database: Database[Document], collection: Collection) -> None:
    """Build the indexes that are missing, while others read and write.

    One with the keys of an index that is there, but with other options, is
    built beside it under another name.

    Raises:
        PyMongoError: The database refuses, for example because rows are in
            the way of a unique index.
    """
    present = _present(database, collection)
    missing = [
        model
        for model in map(_model, collection.indexes)
        if _shape(model.document) not in present.values()
    ]
    if missing:
        database[collection.name].create_indexes(
            [
                _renamed(model) if model.document["name"] in present else model
                for model in missing
            ]
        )


def drop_undeclared(database: Database[Document], collection: Collection) -> list[str]:
    """Drop what no code asks for any more, if all that is declared is there.

    Returns:
        The names of the indexes.

    Raises:
        PyMongoError: The database refuses.
    """
    declared = {_shape(_model(index).document) for index in collection.indexes}
    present = _present(database, collection)
    if not declared <= set(present.values()):
        return []
    surplus = [name for name, shape in present.items() if shape not in declared]
    for name in surplus:
        database[collection.name].drop_index(name)
    return surplus


def _present(database: Database[Document], collection: Collection) -> dict[str, _Shape]:
    """What there is, by name; without the one that MongoDB makes itself."""
    return {
        found["name"]: _shape(found)
        for found in database[collection.name].list_indexes()
        if found["name"] != _ALWAYS_THERE
    }


def _shape(described: Mapping[str, Any]) -> _Shape:
    options = {
        name: value
        for name, value in sorted(described.items())
        if name not in _INCIDENTAL and value is not False
    }
    return tuple(described["key"].items()), encode(options)


def _model(index: Index) -> IndexModel:
    options: dict[str, Any] = {"unique": index.is_unique, "sparse": index.is_sparse}
    if index.partial is not None:
        options["partialFilterExpression"] = dict(index.partial)
    if index.expires_after_s is not None:
        options["expireAfterSeconds"] = index.expires_after_s
    return IndexModel(list(index.keys), **options)


def _renamed(model: IndexModel) -> IndexModel:
    """Under a name that follows from all that it is."""
    document = model.document
    digest = hashlib.sha256(repr(_shape(document)).encode()).hexdigest()
    document["name"] += f"-{digest[:_NAME_DIGITS]}"
    return model
