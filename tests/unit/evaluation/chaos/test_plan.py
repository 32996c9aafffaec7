import pytest

from evaluation.chaos.plan import KINDS, OUTAGE_S, Kind, make_plan

SEEDS = range(200)
OUTAGE = Kind("rabbitmq", "outage")


class TestMakePlan:
    def test_gives_the_same_seed_the_same_plan(self):
        assert make_plan(7, 60) == make_plan(7, 60)

    def test_gives_another_seed_another_plan(self):
        assert len({tuple(make_plan(seed, 60)) for seed in SEEDS}) == len(SEEDS)

    @pytest.mark.parametrize("first", [0, 1, 2, 3, 1_000_001])
    def test_strikes_every_kind_within_seven_seeds(self, first):
        plans = [make_plan(seed, 60) for seed in range(first, first + 7)]

        assert {fault.kind for plan in plans for fault in plan} == set(KINDS)

    def test_strikes_five_to_eight_times_a_minute(self):
        assert {len(make_plan(seed, 60)) for seed in SEEDS} == {5, 6, 7, 8}

    @pytest.mark.parametrize("seconds", [5, 15, 60, 300])
    def test_stays_within_the_run_and_in_order(self, seconds):
        for seed in SEEDS:
            times = [fault.at_s for fault in make_plan(seed, seconds)]

            assert times == sorted(times)
            assert len(times) >= 2
            assert times[0] > 0
            assert times[-1] < seconds

    def test_has_one_outage_at_most_that_ends_before_the_load(self):
        outages = []
        for seed in SEEDS:
            found = [f for f in make_plan(seed, 60) if f.kind == OUTAGE]
            assert len(found) <= 1
            outages += found

        assert outages
        assert all(fault.at_s + OUTAGE_S < 60 for fault in outages)

    def test_has_no_outage_that_a_short_run_could_not_outlast(self):
        kinds = {f.kind for seed in SEEDS for f in make_plan(seed, 15)}

        assert OUTAGE not in kinds
