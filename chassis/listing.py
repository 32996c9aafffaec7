"""Pages of a collection, each at the cost of its own rows."""

from collections.abc import Sequence
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from chassis.fields import GRAMS
from chassis.mongo import Document, Index
from chassis.planning import Choice, choose_index
from chassis.query import Query, refuse, up_to_value, value_at
from chassis.rows import TenantRows
from chassis.walking import page_of, walk, way_for

__all__ = ["find_page"]

# How long MongoDB may look for a page in its own way.
_PATIENCE_S: Final = 1.5
_MOST_PIECES: Final = 8
_ENOUGH: Final = 2_000
_MOST_SORTED: Final = 5_000
# Half of a record's size, and nothing that a view shows.
_ONLY_FOR_INDEXES: Final = (GRAMS, "search_words")


def find_page(
    rows: TenantRows, query: Query, conditions: Document, indexes: Sequence[Index]
) -> tuple[list[Document], str | None]:
    """The rows of a page, and the cursor of the next one if there may be one.

    A page that takes long may have fewer rows than there are; see ``walking``.

    Args:
        rows: The organization's rows of the collection.
        query: Says where the page begins, its order and its length.
        conditions: Everything that is asked of a row, wherever the page begins.
        indexes: Those of the collection.

    Raises:
        InvalidInputError: 400 ``invalid_sort``: too many would have to be sorted.
    """
    conditions = _rarest_first(rows, conditions)
    try:
        with pymongo.timeout(_PATIENCE_S):
            choice = choose_index(rows, query, conditions, indexes)
            return _found_at_once(rows, query, conditions, choice)
    except PyMongoError as error:
        if not error.timeout:
            raise
    way = way_for(rows, query, conditions, indexes)
    if way is None:
        return _found_at_once(rows, query, conditions, Choice())
    return walk(rows, query, conditions, way, _ONLY_FOR_INDEXES)


def _found_at_once(
    rows: TenantRows, query: Query, conditions: Document, choice: Choice
) -> tuple[list[Document], str | None]:
    paged = {"$and": [conditions, *query.after]} if query.after else conditions
    if not (query.is_indexed or choice.finds_few):
        paged = {"$and": [paged, *_until_the_end(rows, query, paged)]}
    limit = query.limit + 1
    found = rows.find(paged, query.sort, limit, _ONLY_FOR_INDEXES, keys=choice.keys)
    return page_of(found, query)


def _rarest_first(rows: TenantRows, conditions: Document) -> Document:
    """Conditions whose first piece of text is in as few rows as any.

    MongoDB looks up the first value of an ``$all`` and reads the rows for the
    others.
    """
    pieces = conditions.get(GRAMS, {}).get("$all", ())
    if len(pieces) <= 1:
        return conditions
    sample = pieces[:: max(1, len(pieces) // _MOST_PIECES)][:_MOST_PIECES]
    ranked = rows.rarest_first(GRAMS, sample, _ENOUGH)
    others = [piece for piece in pieces if piece not in ranked]
    return {**conditions, GRAMS: {"$all": ranked + others}}


def _until_the_end(
    rows: TenantRows, query: Query, conditions: Document
) -> list[Document]:
    """What only rows up to the page's end fulfill.

    No index has every order of several fields, but one has that of the first:
    the rows up to the value that it has at the end of the page are sorted.

    Raises:
        InvalidInputError: 400 ``invalid_sort``: they are too many.
    """
    path, direction = query.sort[0]
    last = rows.find_nth(conditions, query.sort[:1], query.limit)
    until = [] if last is None else up_to_value(path, direction, value_at(last, path))
    asked = {"$and": [conditions, *until]}
    if rows.count(asked, _MOST_SORTED) > _MOST_SORTED:
        raise refuse(
            "invalid_sort",
            "sort",
            f"More than {_MOST_SORTED} records would have to be put in this order; "
            "filter more, or sort by one field.",
        )
    return until
