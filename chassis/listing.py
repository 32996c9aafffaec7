"""Pages of a collection, each at the cost of its own rows."""

from typing import Any, Final

from chassis.cursors import own_seal
from chassis.fields import GRAMS
from chassis.mongo import Document
from chassis.query import Query, refuse, up_to, value_at
from chassis.rows import TenantRows

__all__ = ["find_page"]

_MOST_PIECES: Final = 8
_ENOUGH: Final = 2_000
_MOST_SORTED: Final = 5_000
# Half of a record's size, and nothing that a view shows.
_ONLY_FOR_INDEXES: Final = (GRAMS, "search_words")


def find_page(
    rows: TenantRows, query: Query, conditions: Document
) -> tuple[list[Document], str | None]:
    """The rows of a page, and the cursor of the next one if there is one.

    Args:
        rows: The organization's rows of the collection.
        query: Says where the page begins, its order and its length.
        conditions: Everything that is asked of a row, wherever the page begins.
    """
    conditions = _rarest_first(rows, conditions)
    paged = {"$and": [conditions, *query.after]} if query.after else conditions
    if not query.is_indexed:
        paged = {"$and": [paged, *_until_the_end(rows, query, paged)]}
    found = rows.find(paged, query.sort, query.limit + 1, _ONLY_FOR_INDEXES)
    page = found[: query.limit]
    if len(found) == len(page):
        return page, None
    return page, query.cursor_after(page[-1], own_seal())


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
    last = rows.find_nth(conditions, query.sort[0], query.limit)
    until = [] if last is None else _until(path, direction, value_at(last, path))
    asked = {"$and": [conditions, *until]}
    if rows.count(asked, _MOST_SORTED) > _MOST_SORTED:
        raise refuse(
            "invalid_sort",
            "sort",
            f"More than {_MOST_SORTED} records would have to be put in this order; "
            "filter more, or sort by one field.",
        )
    return until


def _until(path: str, direction: int, bound: Any) -> list[Document]:
    if direction > 0:
        return [up_to(path, bound)]
    return [] if bound is None else [{path: {"$gte": bound}}]
