import itertools

import pytest

from chassis.ranges import ranges

# Null comes first.
VALUES = (None, 1, 2, 3)
ROWS = [
    {"a": a, "b": b, "_id": number}
    for number, (a, b) in enumerate(itertools.product(VALUES, (1, 2)))
]
SORTS = [
    [("a", 1), ("_id", 1)],
    [("a", -1), ("_id", -1)],
    [("a", 1), ("b", 1), ("_id", 1)],
    [("b", -1), ("a", -1), ("_id", -1)],
    [("b", 1), ("a", -1), ("_id", -1)],
]


def fits(row, asked):
    return all(holds(row[path], condition) for path, condition in asked.items())


def holds(value, condition):
    """What MongoDB makes of a condition: nothing is greater or less than null."""
    if not isinstance(condition, dict):
        return value == condition
    comparisons = {
        "$gt": lambda bound: value is not None and value > bound,
        "$lt": lambda bound: value is not None and value < bound,
        "$ne": lambda bound: value != bound,
    }
    return all(comparisons[name](bound) for name, bound in condition.items())


def in_order(sort):
    rows = ROWS
    for path, direction in reversed(sort):
        rows = sorted(
            rows,
            key=lambda row: (row[path] is not None, row[path] or 0),
            reverse=direction < 0,
        )
    return rows


def found(sort, start, end):
    """The rows of each range in their order, one range after another."""
    rows = in_order(sort)
    bounds = [
        None if place is None else [rows[place][path] for path, _ in sort]
        for place in (start, end)
    ]
    return [row for asked in ranges(sort, *bounds) for row in rows if fits(row, asked)]


class TestRanges:
    @pytest.mark.parametrize("sort", SORTS)
    def test_hold_all_rows_between_in_their_order(self, sort):
        rows = in_order(sort)
        for first, behind in itertools.combinations(range(len(rows) + 1), 2):
            start = first - 1 if first else None
            # Up to the last row, or to wherever the list ends.
            ends = [behind - 1, None] if behind == len(rows) else [behind - 1]

            for end in ends:
                assert found(sort, start, end) == rows[first:behind]

    def test_are_one_where_nothing_bounds_them(self):
        assert ranges(SORTS[0], None, None) == [{}]
