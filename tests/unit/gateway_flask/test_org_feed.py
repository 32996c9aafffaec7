import random

from hypothesis import given
from hypothesis import strategies as st

from gateway_flask.org_feed import OrgFeed


def events(*positions):
    return [
        {"position": each, "event": "a.b", "resource": "contacts", "acl": []}
        for each in positions
    ]


def positions(live):
    return [each.position for each in live]


class TestOrder:
    def test_begins_with_what_is_heard_first(self):
        assert positions(OrgFeed().take(events(8, 9), 0)) == [8, 9]

    def test_is_restored_when_pieces_overtake_each_other(self):
        feed = OrgFeed()
        feed.take(events(1), 0)

        assert feed.take(events(4, 5), 0) == []
        assert feed.is_waiting
        assert positions(feed.take(events(2, 3), 0)) == [2, 3, 4, 5]
        assert not feed.is_waiting

    @given(st.integers(1, 40), st.integers(1, 7), st.randoms(use_true_random=False))
    def test_has_no_hole_and_nothing_twice(self, count, size, chance: random.Random):
        numbers = list(range(2, count + 2))
        pieces = [numbers[at : at + size] for at in range(0, count, size)]
        pieces += chance.sample(pieces, k=len(pieces) // 2)
        chance.shuffle(pieces)
        feed = OrgFeed()
        feed.take(events(1), 0)

        given_out = [p for e in pieces for p in positions(feed.take(events(*e), 0))]

        assert given_out == numbers

    def test_passes_over_a_hole_that_stays(self):
        feed = OrgFeed()
        feed.take(events(1), 0)
        feed.take(events(3, 4), 10.0)

        assert feed.give_up_waiting(10.1) == []
        assert positions(feed.give_up_waiting(11)) == [3, 4]
        assert feed.last == 4


class TestMemory:
    def test_gives_what_came_behind_a_position(self):
        feed = OrgFeed()
        feed.take(events(*range(5, 10)), 0)

        assert positions(feed.after(4)) == [5, 6, 7, 8, 9]
        assert positions(feed.after(7)) == [8, 9]
        assert feed.after(9) == []
        assert feed.after(12) == []

    def test_says_when_it_does_not_go_back_that_far(self):
        feed = OrgFeed()
        feed.take(events(*range(5, 2_000)), 0)

        assert feed.after(4) is None
        assert positions(feed.after(1_990)) == list(range(1_991, 2_000))

    def test_does_not_reach_over_a_hole(self):
        feed = OrgFeed()
        feed.take(events(1, 2), 0)
        feed.take(events(5), 0)
        feed.give_up_waiting(1)

        assert feed.after(1) is None
        assert positions(feed.after(4)) == [5]

    def test_knows_nothing_after_a_gap(self):
        feed = OrgFeed()
        feed.take(events(1, 2), 0)
        feed.forget()

        assert feed.after(1) == []
        assert positions(feed.take(events(7), 0)) == [7]
        assert feed.after(1) is None
