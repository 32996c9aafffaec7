from dataclasses import replace

from evaluation.bench.calls import Cell
from evaluation.bench.events import FEED, ONE_WRITE, SINGLE, EventFigures, EventSizes
from evaluation.bench.figures import Summary
from evaluation.bench.report import (
    call_tables,
    client_table,
    errors_text,
    event_tables,
    spread,
    table,
    target_table,
)
from evaluation.bench.targets import (
    at_least,
    at_most,
    below,
    call_targets,
    client_targets,
    event_targets,
)


def summary(*rates, p99_ms=10.0, errors=None):
    counts = dict.fromkeys(("published", "delivered", "acknowledged", "confirmed"), 1.0)
    return Summary(
        rates=rates,
        p50_ms=1.0,
        p99_ms=p99_ms,
        p99s_ms=[p99_ms] * len(rates),
        cpu_ms={"front": 0.5},
        messages=counts,
        round_trips=1.0,
        errors=errors or {},
    )


CELLS = {
    Cell("read", 16, "stock"): summary(100, 200, p99_ms=50),
    Cell("read", 16, "ours"): summary(300, 400, p99_ms=60),
    Cell("write", 16, "stock"): summary(100, 100, p99_ms=50),
    Cell("write", 16, "ours"): summary(150, 160, errors={"status 503": 4}),
}


class TestTable:
    def test_aligns_columns(self):
        assert table(("a", "bb"), [("long", "1")]) == "a     bb\nlong   1"


class TestSpread:
    def test_shows_the_extremes_of_several_rounds(self):
        assert spread([2.0, 1.0, 4.0]) == "x2.00 (1.00-4.00)"

    def test_is_plain_for_one(self):
        assert spread([2.0]) == "x2.00"


class TestCallTables:
    def test_show_the_ratio_to_stock_and_the_errors(self):
        read, write = [text for text in call_tables(CELLS) if "ours" in text]

        assert "x2.50 (2.00-3.00)" in read
        assert "x2.00  " in read
        assert "4 status 503" in write


class TestErrorsText:
    def test_is_a_dash_without_errors(self):
        assert errors_text({}) == "-"


class TestTargets:
    def test_judge_by_the_ratio_of_each_round(self):
        judged = {target.name: target for target in call_targets(CELLS)}

        reads = judged["read, 16 connections, requests/s over stock: at least"]
        assert reads.value == 2.5
        assert reads.is_reached
        assert not judged["read, 16 connections, p99 over stock: below"].is_reached
        writes = judged["write, 16 connections, requests/s over stock: at least"]
        assert not writes.is_reached
        assert judged["write, 16 connections, p99 over stock: below"].is_reached

    def test_take_the_bound_itself_for_enough_only_one_way(self):
        assert at_least("a", 5, 5).is_reached
        assert at_most("a", 5, 5).is_reached
        assert not below("b", 5, 5).is_reached

    def test_shout_in_the_table_when_missed(self):
        shown = target_table([at_least("a", 5, 5), at_least("b", 4, 5, "x")])

        assert "reached" in shown.splitlines()[1]
        assert "MISSED" in shown.splitlines()[2]
        assert "4.00 x" in shown.splitlines()[2]


def events(**changes):
    figures = {
        "lags_ms": [20.0] * 99 + [600.0],
        "lag_rate": 100.0,
        "batch_rate": 5_000.0,
        "single_rate": 799.0,
        "one_write_rate": 800.0,
        "relay_rate": 3_000.0,
        "idle_us": [5_000],
        "draining_us": {FEED.label: [10_001], SINGLE.label: [7_000]},
        "drained_under_load": {FEED.label: [4_000.0], SINGLE.label: [700.0]},
        "errors": {},
        "dead_letters": {},
        "sizes": EventSizes(),
    }
    return EventFigures(**{**figures, **changes})


class TestEventTargets:
    def test_judge_each_figure_by_itself(self):
        reached = {each.name: each.is_reached for each in event_targets(events())}

        assert reached == {
            "event lag p50: below": True,
            "event lag p99: below": True,
            "backlog drained in batches: at least": True,
            f"drained {SINGLE.label}: at least": False,
            f"drained {ONE_WRITE.label}: at least": True,
            "call p99 beside a drain over idle: at most": False,
        }


class TestEventTables:
    def test_show_what_went_wrong(self):
        shown = "\n".join(event_tables(events(dead_letters={"dead-letters-x": 3})))

        assert "3 dead-letters-x" in shown

    def test_show_lags_and_rates(self):
        shown = "\n".join(event_tables(events()))

        assert "p50 20 ms, p99 20 ms" in shown
        assert "5000/s" in shown


class TestClients:
    def test_favor_pika_until_the_other_wins_by_a_fifth(self):
        by_client = {
            (16, "pika"): summary(100, 100),
            (16, "py-amqp"): summary(119, 121),
        }
        by_much = {**by_client, (16, "py-amqp"): summary(121, 122)}

        assert client_targets(by_client)[0].is_reached
        assert not client_targets(by_much)[0].is_reached

    def test_show_what_each_costs(self):
        one = summary(100)
        cpu_ms = {"load": 0.25, "service": 0.5, "broker": 0.75}
        one = replace(one, cpu_ms=cpu_ms)

        shown = client_table({(16, "pika"): one, (16, "py-amqp"): one})

        assert "x1.00" in shown
        assert "0.250" in shown
