"""Commit times as the database itself wrote them down.

The operation log holds a time of the server's for every committed write, for
a transaction that of its commit. Both ends of an event's way are read there,
by one clock, and nothing is added to what is measured.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, Final

import pymongo
from bson import CodecOptions, Timestamp

__all__ = ["Commits", "inserted", "now"]

_OPTIONS: Final = CodecOptions[dict[str, Any]](tz_aware=True, tzinfo=UTC)


def now() -> Timestamp:
    """Where the log of what happens from now on begins, or a second before."""
    return Timestamp(int(time.time()) - 1, 0)


Commits = Iterator[tuple[float, dict[str, Any]]]


def inserted(
    client: pymongo.MongoClient[dict[str, Any]], namespace: str, since: Timestamp
) -> Commits:
    """Documents inserted into ``namespace``, each with its commit's time.

    Args:
        client: May read the log.
        namespace: ``database.collection``.
        since: Only what was committed later.

    Returns:
        Pairs of seconds since the epoch and the document, in order.
    """
    log = client["local"].get_collection("oplog.rs", codec_options=_OPTIONS)
    entries = log.find(
        {
            "ts": {"$gt": since},
            "$or": [{"ns": namespace}, {"o.applyOps.ns": namespace}],
        }
    )
    for entry in entries:
        committed_at = entry["wall"].timestamp()
        for operation in entry["o"].get("applyOps", [entry]):
            if _is_insert(operation, namespace):
                yield committed_at, operation["o"]


def _is_insert(operation: Mapping[str, Any], namespace: str) -> bool:
    return bool(operation["op"] == "i" and operation["ns"] == namespace)
