from datetime import date

from svc_analytics.domain import Activity, count_events, series_of, totals_of


def event(name, at, **data):
    return {"org_id": "o", "event": name, "occurred_at": at, "data": data}


COUNTS = count_events(
    [
        event("a.b_c", "2026-01-31T23:59:59.999Z"),
        event("a.b_c", "2026-02-01T00:00:00.000Z"),
        event("x.y_z", "2026-02-01T00:00:00.000Z", type="purchase"),
        event("x.y_z", "2026-02-01T09:00:00.000Z", type="call"),
    ]
)


class TestCounts:
    def test_are_by_day_event_and_kind(self):
        assert COUNTS[Activity("o", date(2026, 2, 1), "x.y_z", "call")] == 1

    def test_add_up_to_totals(self):
        assert totals_of(COUNTS) == {"a.b_c": 2, "x.y_z": 2}

    def test_make_a_series_in_order(self):
        assert series_of(COUNTS) == [
            {"date": "2026-01-31", "event": "a.b_c", "count": 1},
            {"date": "2026-02-01", "event": "a.b_c", "count": 1},
            {"date": "2026-02-01", "event": "x.y_z", "count": 2},
        ]
