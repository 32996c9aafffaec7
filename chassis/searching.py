"""Ranked search over the records of one organization, with bounded work.

Candidates are read from the index of ``search_words`` in its order, whole words
first and of these the newest first, only so many for each thing that a typed
word may be, and ranked in memory. So two letters that half of a million names
begin with cost what a rare name costs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from chassis.auth import Caller
from chassis.documents import blanked
from chassis.errors import bad_request
from chassis.events import wire_time
from chassis.mongo import Document, Index
from chassis.records import Record
from chassis.repository import Repository
from chassis.search_words import Match, Term, match, read_terms

__all__ = [
    "SEARCH_INDEX",
    "Found",
    "Searchable",
    "Searched",
    "search_records",
]

Entity = TypeVar("Entity", bound=Record)
# How each fits, and when it was changed last, by id.
Candidates = dict[str, tuple[Match, Any]]

SEARCH_INDEX: Final = Index((("org_id", 1), ("search_words", 1), ("created_at", -1)))
MAX_HITS: Final = 50
_CANDIDATES: Final = 100
# So many rows at most are looked at for those that fit every word; of those who
# may read few, so many of theirs.
_SCANNED: Final = 1_000
_OWN_SCANNED: Final = 3_000
_SOME: Final[Sequence[Document]] = (
    {"$limit": _CANDIDATES},
    {"$project": {"search_words": 1, "updated_at": 1}},
)
_BEHIND_ALL: Final = "\U0010ffff"


@dataclass(frozen=True)
class Found(Generic[Entity]):
    """Records that fit, the best first, and whether there are more."""

    items: Sequence[tuple[Entity, Match]]
    has_more: bool


@dataclass(frozen=True)
class Searched(Generic[Entity]):
    """One kind of records that a service's search covers.

    Attributes:
        title: What a hit is called.
        subtitle: What tells it from others of that name.
        matched: What the kinds of search words are called: name, email, phone.
    """

    records: "Searchable[Entity]"
    noun: str
    title: Callable[[Entity], str | None]
    subtitle: Callable[[Entity], str | None]
    matched: Mapping[str, str]


def _begins(beginning: str) -> Document:
    bounds = {"$gte": beginning, "$lt": beginning + _BEHIND_ALL}
    return {"search_words": {"$elemMatch": bounds}}


def _fits(term: Term) -> Document:
    return {
        "$or": [
            {"$and": [_begins(beginning) for beginning in beginnings]}
            for beginnings in term.beginnings
        ]
    }


def _by_word(beginning: str, others: Sequence[Document]) -> list[Document]:
    """The first rows of ``SEARCH_INDEX`` behind ``beginning`` that fit the others."""
    narrowing = [{"$limit": _SCANNED}, {"$match": {"$and": others}}]
    return [{"$match": _begins(beginning)}, *(narrowing if others else ()), *_SOME]


def _by_rights(rights: Document, fitting: Sequence[Document]) -> list[Document]:
    """The newest of few rows that somebody may read, as far as they fit."""
    return [
        {"$match": rights},
        {"$sort": {"created_at": -1, "_id": -1}},
        {"$limit": _OWN_SCANNED},
        {"$match": {"$and": fitting}},
        *_SOME,
    ]


def _drivers(terms: Sequence[Term]) -> Iterator[str]:
    """Beginnings, each of which leads to some of what fits all terms."""
    names = _names(terms)
    if len(names) > 1:
        yield f"m{names[0]} {names[1]}"
    # Of a long word there are fewer; an address is the rarest.
    longest = max(terms, key=lambda term: ("@" in term.address, len(term.address)))
    for beginnings in longest.beginnings:
        yield max(beginnings, key=len)


def _names(terms: Sequence[Term]) -> list[str]:
    return [word for term in terms for word in term.names]


class Searchable(Repository[Entity]):
    """Records that keep ``search_words``.

    Their collection has ``SEARCH_INDEX``, and one by ``acl`` and ``created_at``.
    """

    def search(self, terms: Sequence[Term], limit: int) -> Found[Entity]:
        """The live records that fit and that the caller may read, best first.

        Equally good ones come in the order of their last change. Of a word
        that thousands of records have, the newest hundred are ranked. Who
        may not read all records searches the newest three thousand of theirs.
        Nothing is found by what the caller may not see.
        """
        rights = self._rights("read")
        candidates: Candidates = {}
        is_capped = False
        for rows in self._candidates(terms, rights):
            is_capped = is_capped or len(rows) == _CANDIDATES
            for row in rows:
                if (fit := match(terms, row["search_words"])) is not None:
                    candidates[row["_id"]] = fit, row["updated_at"]
            if len(terms) > 1 and candidates and not self.hidden_fields:
                # The first readings are the likeliest, and others take long.
                break
        if self.hidden_fields:
            # Nor is told how many there are that fit by something hidden.
            candidates, is_capped = self._as_seen(terms, candidates, rights), False
        ranked = sorted(
            candidates,
            key=lambda record_id: (
                candidates[record_id][0].score,
                candidates[record_id][1],
            ),
            reverse=True,
        )
        best = ranked[:limit]
        found = {record.id: record for record in self._read(best, rights)}
        return Found(
            [(found[each], candidates[each][0]) for each in best if each in found],
            has_more=is_capped or len(ranked) > limit,
        )

    def _as_seen(
        self, terms: Sequence[Term], candidates: Candidates, rights: Document
    ) -> Candidates:
        """Those of ``candidates`` that fit by what the caller sees of them."""
        return {
            record.id: (fit, candidates[record.id][1])
            for record in self._read(list(candidates), rights)
            if (fit := match(terms, self.index_fields(record)["search_words"]))
        }

    def _read(self, ids: Sequence[str], rights: Document) -> list[Entity]:
        """Records, with nothing in the fields that are hidden from the caller."""
        conditions = {"_id": {"$in": ids}, "archived_at": None, **rights}
        rows = self._rows.find(conditions, [("_id", 1)], len(ids))
        return [blanked(self.restore(row), self.hidden_fields) for row in rows]

    def _candidates(
        self, terms: Sequence[Term], rights: Document
    ) -> Iterator[list[Document]]:
        fitting = [_fits(term) for term in terms]
        if rights:
            by_rights = next(
                index.keys
                for index in self.collection.indexes
                if index.keys[1:3] == (("acl", 1), ("created_at", 1))
            )
            yield self._rows.aggregate(_by_rights(rights, fitting), by_rights)
            return
        is_one_word = len(terms) == 1 and len(_names(terms)) <= 1
        others = [] if is_one_word else fitting
        for beginning in _drivers(terms):
            yield self._rows.aggregate(_by_word(beginning, others), SEARCH_INDEX.keys)


def search_records(
    searched: Mapping[str, Searched[Any]],
    caller: Caller,
    q: str,
    kinds: Sequence[str],
    limit: int,
) -> dict[str, Any]:
    """Search some kinds of a service's records.

    Args:
        searched: What the service has, by the resource's name.
        caller: Needs the ``read`` permission of each kind.
        q: What was typed, 1 to 100 characters.
        kinds: Names out of ``searched``.
        limit: How many hits of each kind, 1 to 50.

    Returns:
        ``{kind: {"hits": [{"type", "id", "title", "subtitle", "score",
        "matched", "updated_at"}], "has_more"}}``.

    Raises:
        InvalidInputError: 400 ``invalid_query`` or ``invalid_limit``.
        ForbiddenError: ``permission_missing``.
    """
    terms = read_terms(q)
    if not 1 <= limit <= MAX_HITS:
        raise bad_request("invalid_limit", f"A number from 1 to {MAX_HITS}.")
    for kind in kinds:
        if kind not in searched:
            raise bad_request("invalid_query", f"There are no {kind[:100]!r} here.")
        caller.require(f"{kind}:read")
    answer = {}
    for kind in kinds:
        found = searched[kind].records.search(terms, limit)
        answer[kind] = {
            "hits": [_hit(searched[kind], *each) for each in found.items],
            "has_more": found.has_more,
        }
    return answer


def _hit(searched: Searched[Any], record: Any, fit: Match) -> dict[str, Any]:
    return {
        "type": searched.noun,
        "id": record.id,
        "title": searched.title(record),
        "subtitle": searched.subtitle(record),
        "score": fit.score,
        "matched": [searched.matched[kind] for kind in fit.kinds],
        "updated_at": wire_time(record.updated_at),
    }
