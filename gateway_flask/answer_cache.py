"""Answers that are given again: single records, in this process's memory.

An answer belongs to one principal with certain rights. It is dropped by each
event of its record, by each write of this process, after half a minute, and
altogether when events may have been missed. Whether it is still good enough for
a request is not judged here (``gateway_flask.freshness``).
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from chassis.auth import Caller
from gateway_flask.feed import FeedEvent
from gateway_flask.policies import View, mark

__all__ = ["LIFETIME_S", "AnswerCache", "Entry", "Lookup", "cached"]

# A connection to the broker that died without a word is noticed after a minute.
LIFETIME_S: Final = 30.0
_LARGEST: Final = 65_536
# What an entry takes besides its body, roughly.
_OVERHEAD: Final = 1_000
_REMEMBERED_DROPS: Final = 10_000
# By these an organization's records look different without a change of theirs.
_RESHAPING: Final = frozenset(
    {"customer.custom_field_archived", "customer.custom_field_restored"}
)
# Stands for every record of an organization.
_ALL: Final = ""

_Key = tuple[str, ...]
_Record = tuple[str, str]


def cached(view: View) -> View:
    """Let a GET of one versioned record, named by its path, be answered again."""
    return mark(view, is_cached=True)


class Lookup(NamedTuple):
    """A request for a record, and what had happened when it came."""

    key: _Key
    record: _Record
    tick: int
    started_at: float


class Entry(NamedTuple):
    """An answer as it was given."""

    body: bytes
    tag: str
    version: int
    expires_at: float
    record: _Record


class AnswerCache:
    """The answers of one process, the longest unused forgotten first.

    Args:
        capacity: Bytes; 0 keeps nothing.
        is_live: Whether events are being heard; nothing is found otherwise.
    """

    def __init__(
        self,
        capacity: int,
        is_live: Callable[[], bool],
        lifetime_s: float = LIFETIME_S,
    ) -> None:
        self._capacity = capacity
        self._is_live = is_live
        self._lifetime_s = lifetime_s
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, Entry] = OrderedDict()
        self._keys: dict[_Record, set[_Key]] = {}
        self._size = 0
        # What was dropped when, so that an answer under way at that time is not
        # kept; whatever was dropped up to ``_all_dropped_at`` is forgotten.
        self._tick = 0
        self._dropped_at: OrderedDict[_Record, int] = OrderedDict()
        self._all_dropped_at = -1

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """How many bytes the entries take, roughly."""
        return self._size

    def look_up(self, caller: Caller, endpoint: str, record_id: str) -> Lookup:
        """Begin a request; an answer to it may be kept under the same lookup."""
        key = (
            endpoint,
            record_id,
            caller.org_id,
            caller.principal_id,
            caller.rights_tag,
            *caller.team_ids,
        )
        return Lookup(key, (caller.org_id, record_id), self._tick, time.monotonic())

    def find(self, lookup: Lookup) -> Entry | None:
        """The answer, unless events may have been missed or it is too old."""
        entry = self._entries.get(lookup.key)
        if entry is None or not self._is_live():
            return None
        with self._lock:
            if lookup.key not in self._entries:
                return None
            if entry.expires_at < lookup.started_at:
                self._remove(lookup.key)
                return None
            self._entries.move_to_end(lookup.key)
        return entry

    def keep(self, lookup: Lookup, body: bytes, tag: str, version: int) -> None:
        """Keep an answer, unless its record has been dropped since the lookup.

        A version never takes the place of a newer one.
        """
        size = len(body) + _OVERHEAD
        if len(body) > _LARGEST or size > self._capacity:
            return
        expires_at = lookup.started_at + self._lifetime_s
        entry = Entry(body, tag, version, expires_at, lookup.record)
        with self._lock:
            if lookup.tick < self._last_drop(lookup.record):
                return
            known = self._entries.get(lookup.key)
            if known is not None:
                if known.version > version:
                    return
                self._remove(lookup.key)
            self._entries[lookup.key] = entry
            self._keys.setdefault(lookup.record, set()).add(lookup.key)
            self._size += size
            while self._size > self._capacity:
                self._remove(next(iter(self._entries)))

    def drop(self, org_id: str, record_id: str) -> None:
        """Forget every answer about a record."""
        record = (org_id, record_id)
        with self._lock:
            self._note_drop(record)
            for key in tuple(self._keys.get(record, ())):
                self._remove(key)

    def _drop_all_of(self, org_id: str) -> None:
        with self._lock:
            self._note_drop((org_id, _ALL))
            for record in [each for each in self._keys if each[0] == org_id]:
                for key in tuple(self._keys[record]):
                    self._remove(key)

    def _note_drop(self, record: _Record) -> None:
        self._tick += 1
        self._dropped_at.pop(record, None)
        self._dropped_at[record] = self._tick
        if len(self._dropped_at) > _REMEMBERED_DROPS:
            _, self._all_dropped_at = self._dropped_at.popitem(last=False)

    def _last_drop(self, record: _Record) -> int:
        """When an answer about the record was dropped last, or may have been."""
        marks = (record, (record[0], _ALL))
        known = (self._dropped_at.get(mark, self._all_dropped_at) for mark in marks)
        return max(*known, self._all_dropped_at)

    def hear(self, event: FeedEvent) -> None:
        """Forget what an event makes obsolete; called by the feed."""
        if event.name in _RESHAPING:
            self._drop_all_of(event.org_id)
        else:
            self.drop(event.org_id, event.aggregate_id)

    def hear_touched(self, org_id: str, record_ids: Iterable[str]) -> None:
        """Forget records that look different without a change; called by the feed."""
        for record_id in record_ids:
            self.drop(org_id, record_id)

    def flush(self) -> None:
        """Forget everything: events may have been missed."""
        with self._lock:
            self._tick += 1
            self._all_dropped_at = self._tick
            self._dropped_at.clear()
            self._entries.clear()
            self._keys.clear()
            self._size = 0

    def _remove(self, key: _Key) -> None:
        entry = self._entries.pop(key)
        self._size -= len(entry.body) + _OVERHEAD
        keys = self._keys[entry.record]
        keys.discard(key)
        if not keys:
            del self._keys[entry.record]
