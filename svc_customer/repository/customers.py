"""What the repositories of accounts and contacts have in common."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from chassis.many import ManyRepository
from chassis.mongo import Document
from chassis.searching import Searchable
from svc_customer.domain.lifecycle import StageEntry
from svc_customer.domain.records import CustomerRecord
from svc_customer.repository.records import LIVE, TAG_INDEX

__all__ = ["COUNTED_TO", "CustomerRepository", "Tag"]

Customer = TypeVar("Customer", bound=CustomerRecord)

COUNTED_TO: Final = 1_000
# Of those who may read few records, so many of theirs are looked at.
_OWN_SCANNED: Final = 5_000
_FIRST: Final[Sequence[Document]] = ({"$limit": 1}, {"$project": {"tags": 1}})
_BEHIND_ALL: Final = "\U0010ffff"


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag in use.

    Attributes:
        count: On how many live records, up to one more than are counted.
    """

    name: str
    count: int


class CustomerRepository(ManyRepository[Customer], Searchable[Customer]):
    """Records with stages and tags."""

    live = LIVE
    sparse_keys: ClassVar[frozenset[str]] = frozenset({"external_keys"})

    def restore(self, document: Document) -> Customer:
        """Build the record that ``document`` keeps."""
        entries = document.get("lifecycle_history", ())
        history = tuple(StageEntry(**each) for each in entries)
        return super().restore({**document, "lifecycle_history": history})

    def tags_in_use(self, beginning: str, after: str, limit: int) -> list[Tag]:
        """The tags of live records that the caller may read, by their names.

        Each costs two looks at the index, however many records have it. Who
        may not read all records sees those of the newest five thousand of
        theirs.

        Args:
            beginning: Of the names.
            after: Behind which name to begin; may be empty.
            limit: How many.
        """
        bounds = {"$gt": after, "$gte": beginning, "$lt": beginning + _BEHIND_ALL}
        if rights := self._rights("read"):
            return self._tags_of(rights, bounds, limit)
        names = self._next_tags(bounds)
        found: list[Tag] = []
        while len(found) < limit and (name := next(names, None)) is not None:
            asked = {"tags": name, **LIVE}
            count = self._rows.count(asked, COUNTED_TO, keys=TAG_INDEX.keys)
            found.append(Tag(name=name, count=count))
        return found

    def _next_tags(self, bounds: Document) -> Iterator[str]:
        """Names within bounds, from one to the next in the index."""
        while True:
            asked = {"tags": {"$elemMatch": bounds}, **LIVE}
            rows = self._rows.aggregate([{"$match": asked}, *_FIRST], TAG_INDEX.keys)
            if not rows:
                return
            name = min(each for each in rows[0]["tags"] if _is_within(each, bounds))
            yield name
            bounds = {**bounds, "$gt": name}

    def _tags_of(self, rights: Document, bounds: Document, limit: int) -> list[Tag]:
        by_rights = next(
            index.keys
            for index in self.collection.indexes
            if index.keys[1:3] == (("acl", 1), ("created_at", 1))
        )
        stages: list[Document] = [
            {"$match": {**rights, **LIVE}},
            {"$sort": {"created_at": -1, "_id": -1}},
            {"$limit": _OWN_SCANNED},
            {"$project": {"tags": 1}},
            {"$unwind": "$tags"},
            {"$match": {"tags": bounds}},
            {"$group": {"_id": "$tags", "count": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
            {"$limit": limit},
        ]
        rows = self._rows.aggregate(stages, by_rights)
        return [Tag(name=row["_id"], count=row["count"]) for row in rows]


def _is_within(name: str, bounds: Mapping[str, str]) -> bool:
    return name > bounds["$gt"] and bounds["$gte"] <= name < bounds["$lt"]
