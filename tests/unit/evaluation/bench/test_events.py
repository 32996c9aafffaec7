from itertools import islice

import pytest

from evaluation.bench.backlog import envelopes
from evaluation.bench.events import drain_rate


class TestDrainRate:
    def test_starts_the_clock_with_the_first_batch(self):
        assert drain_rate([10.0] * 200 + [11.0] * 50 + [12.0] * 50) == 50

    def test_refuses_a_single_moment(self):
        with pytest.raises(ValueError, match="two moments"):
            drain_rate([10.0, 10.0])


class TestEnvelopes:
    def test_are_all_different(self):
        assert len({each["id"] for each in islice(envelopes(), 2_500)}) == 2_500

    def test_count_each_aggregate_up(self):
        first, later = islice(envelopes(), 0, 1_001, 1_000)

        assert first["aggregate"] == later["aggregate"]
        assert (first["sequence"], later["sequence"]) == (1, 2)
