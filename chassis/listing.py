"""Pages of a collection, each at the cost of its own rows."""

from typing import Any

from chassis.cursors import own_seal
from chassis.mongo import Document, TenantRows
from chassis.query import Query, up_to, value_at

__all__ = ["find_page"]


def find_page(
    rows: TenantRows, query: Query, conditions: Document
) -> tuple[list[Document], str | None]:
    """The rows of a page, and the cursor of the next one if there is one.

    Args:
        rows: The organization's rows of the collection.
        query: Says where the page begins, its order and its length.
        conditions: Everything that is asked of a row, wherever the page begins.
    """
    paged = {"$and": [conditions, *query.after]} if query.after else conditions
    if len(query.sort) > 2:  # noqa: PLR2004 - one field and the id
        paged = {"$and": [paged, *_until_the_end(rows, query, paged)]}
    found = rows.find(paged, query.sort, query.limit + 1)
    page = found[: query.limit]
    if len(found) == len(page):
        return page, None
    return page, query.cursor_after(page[-1], own_seal())


def _until_the_end(
    rows: TenantRows, query: Query, conditions: Document
) -> list[Document]:
    """What only rows up to the page's end fulfill.

    No index has the order of several fields, but one has that of the first:
    the rows up to the value that it has at the end of the page are few enough
    to be sorted.
    """
    path, direction = query.sort[0]
    last = rows.find_nth(conditions, query.sort[0], query.limit)
    if last is None:
        return []
    bound: Any = value_at(last, path)
    if direction > 0:
        return [up_to(path, bound)]
    return [] if bound is None else [{path: {"$gte": bound}}]
