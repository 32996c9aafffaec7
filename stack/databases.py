"""Looking into the services' databases as the operator."""

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from chassis.event_log import EVENT_LOG
from chassis.mongo import Collection, connect
from stack.broker import operator_uri
from stack.errors import StackError
from stack.paths import StatePaths

__all__ = ["collections_of", "has_event_log", "operator_mongo"]


@contextlib.contextmanager
def operator_mongo(paths: StatePaths) -> Iterator[MongoClient[Any]]:
    """A client with the operator's rights, for as long as it is needed.

    Raises:
        StackError: MongoDB does not answer.
    """
    try:
        with connect(operator_uri(paths, "mongo_uri"), "operator") as client:
            yield client
    except PyMongoError as error:
        raise StackError(
            f"MongoDB does not answer ({type(error).__name__}). See `./crm status`."
        ) from error


def collections_of(service: str) -> tuple[Collection, ...]:
    """What a service declares; its modules are loaded by that."""
    repository = importlib.import_module(f"svc_{service}.repository")
    declared: tuple[Collection, ...] = repository.COLLECTIONS
    return declared


def has_event_log(collections: tuple[Collection, ...]) -> bool:
    """Whether whoever declares these publishes events."""
    # By its name, as some declare more indexes of it.
    return any(each.name == EVENT_LOG.name for each in collections)
