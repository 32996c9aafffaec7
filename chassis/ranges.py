"""A part of a list in its order, as ranges that an index can begin and end at.

Where a row stands behind another is told by their sort values one after the
other. MongoDB looks up each range of such values in the index and tests other
conditions on its keys; one condition with all the alternatives it would test
on the documents, and read every one.
"""

from collections.abc import Sequence
from typing import Any

__all__ = ["ranges"]

Sort = Sequence[tuple[str, int]]
Bounds = Sequence[Any] | None
Range = dict[str, Any]


def ranges(sort: Sort, start: Bounds, end: Bounds) -> list[Range]:
    """Conditions on the rows behind ``start`` up to ``end``, in the list's order.

    Args:
        sort: Paths and directions.
        start: Values of the row behind which it begins; None for the first.
        end: Values of the last row; None for the end of the list.
    """
    if start is None and end is None:
        return [{}]
    (path, direction), inner = sort[0], sort[1:]
    if start is not None and end is not None and start[0] == end[0]:
        if not inner:
            return []
        return _with(path, start[0], ranges(inner, start[1:], end[1:]))
    found = []
    if start is not None and inner:
        found += _with(path, start[0], ranges(inner, start[1:], None))
    found += _between(path, direction, start, end)
    if end is not None:
        found += _with(path, end[0], ranges(inner, None, end[1:]) if inner else [{}])
    return found


def _with(path: str, value: Any, inner: list[Range]) -> list[Range]:
    return [{path: value, **each} for each in inner]


def _between(path: str, direction: int, start: Bounds, end: Bounds) -> list[Range]:
    """Values behind that of ``start`` and before that of ``end``.

    Null comes first, and in falling order last.
    """
    low, high = (start, end) if direction > 0 else (end, start)
    if high is not None and high[0] is None:
        return []
    asked: Range = {} if low is None or low[0] is None else {"$gt": low[0]}
    if high is not None:
        asked["$lt"] = high[0]
    found: list[Range] = [{path: asked or {"$ne": None}}]
    if low is None:
        found.insert(0 if direction > 0 else 1, {path: None})
    return found
