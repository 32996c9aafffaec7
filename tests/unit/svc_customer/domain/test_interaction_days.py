from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from svc_customer.domain.interaction_days import Contribution, Counted, differences

ORG = "o"
START = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)

contributions = st.builds(
    Contribution,
    org_id=st.just(ORG),
    contact_id=st.sampled_from([None, "c1", "c2"]),
    account_id=st.sampled_from([None, "a1"]),
    type=st.sampled_from(["call", "purchase"]),
    occurred_at=st.integers(0, 4).map(lambda days: START + timedelta(days=days)),
    amount=st.integers(0, 9).map(Decimal),
)
# What one interaction was, state after state; None where it was archived.
lives = st.lists(st.none() | contributions, min_size=1, max_size=5)


def totals(found):
    return {record: count for record, count in found.totals.items() if count}


class TestDifferences:
    @given(st.lists(lives, max_size=6))
    def test_of_every_step_add_up_to_the_last_state(self, many):
        steps = [
            pair for life in many for pair in zip([None, *life], life, strict=False)
        ]
        at_once = differences((None, life[-1]) for life in many)
        one_by_one = differences(steps)

        assert totals(one_by_one) == totals(at_once)
        for day in one_by_one.counts:
            assert one_by_one.counts[day] == at_once.counts[day]
            assert one_by_one.amounts[day] == at_once.amounts[day]

    @given(contributions)
    def test_of_what_stays_the_same_are_none(self, contribution):
        found = differences([(contribution, contribution)])

        assert not any(found.counts.values())
        assert not any(found.amounts.values())

    def test_name_whom_it_was_moved_away_from(self):
        before = Contribution(
            org_id=ORG, contact_id="c1", account_id=None, type="call", occurred_at=START
        )
        after = Contribution(
            org_id=ORG, contact_id="c2", account_id=None, type="call", occurred_at=START
        )
        found = differences([(before, after)])

        first, second = (Counted(ORG, "contacts", each) for each in ("c1", "c2"))
        assert found.totals == Counter({second: 1, first: -1})
        assert found.reduced == {first}
        assert found.latest == {second: START}
