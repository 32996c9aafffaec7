import pytest

from evaluation.bench.figures import Counters, Run, quantile, ratios, summarize


def run(latencies_us, seconds=1.0, errors=None, cpu_s=0.0, published=0.0):
    used = Counters({"front": cpu_s, "load": 9.0}, {"published": published}, 0.0)
    return Run(seconds, latencies_us, errors or {}, used)


class TestQuantile:
    @pytest.mark.parametrize(
        ("share", "expected"), [(0.01, 1), (0.5, 50), (0.99, 99), (1, 100)]
    )
    def test_is_a_value_that_occurred(self, share, expected):
        assert quantile(list(range(100, 0, -1)), share) == expected

    def test_of_one_value_is_that_value(self):
        assert quantile([7], 0.99) == 7

    @pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1], 0), ([1], 1.1)])
    def test_refuses_what_has_none(self, values, share):
        with pytest.raises(ValueError, match="quantile"):
            quantile(values, share)


class TestCounters:
    def test_differ_by_what_was_added(self):
        before = Counters({"front": 1.0}, {"published": 10.0}, 100.0)
        after = Counters({"front": 1.5}, {"published": 14.0}, 103.0)

        used = after.since(before)

        assert used == Counters({"front": 0.5}, {"published": 4.0}, 3.0)


class TestSummary:
    def test_takes_medians_over_the_rounds(self):
        summary = summarize([run([1_000] * n) for n in (100, 300, 200)])

        assert summary.rate == 200
        assert summary.rates == [100, 300, 200]

    def test_reports_milliseconds(self):
        summary = summarize([run([2_500] * 99 + [40_000])])

        assert summary.p50_ms == 2.5
        assert summary.p99_ms == 2.5
        assert summarize([run([2_500] * 9 + [40_000])]).p99_ms == 40

    def test_divides_what_was_used_by_the_requests(self):
        summary = summarize([run([1] * 200, cpu_s=0.5, published=400.0)])

        assert summary.cpu_ms["front"] == 2.5
        assert summary.messages["published"] == 2

    def test_leaves_the_load_generator_out_of_the_sum(self):
        assert summarize([run([1] * 100, cpu_s=0.5)]).all_cpu_ms == 5

    def test_adds_errors_up(self):
        rounds = [
            run([1], errors={"status 500": 2}),
            run([1], errors={"status 500": 1}),
        ]

        assert summarize(rounds).errors == {"status 500": 3}

    def test_refuses_a_round_without_success(self):
        with pytest.raises(ValueError, match="status 500"):
            summarize([run([1]), run([], errors={"status 500": 9})])


class TestRatios:
    def test_pair_rounds(self):
        assert ratios([10, 30], [5, 10]) == [2, 3]

    def test_refuse_rounds_without_a_partner(self):
        with pytest.raises(ValueError, match="shorter"):
            ratios([1, 2], [1])
