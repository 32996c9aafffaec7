from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import new_id
from svc_customer.domain.memberships import by_segment, found, shown, untold
from svc_customer.domain.segments import new_segment

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def segment(build=1, built=0, settled=0):
    data = {"resource": "contacts", "name": "S", "kind": "dynamic"}
    made = new_segment(new_id(), data, None, NOW)
    return replace(made, build=build, built=built, settled=settled)


class TestBySegment:
    def test_has_what_is_of_each(self):
        one, other = segment(), segment()
        own = {one.key_of(1), untold(one.key_of(1))}

        assert by_segment([*own, other.key_of(1)]) == {
            one.id: own,
            other.id: {other.key_of(1)},
        }


class TestFound:
    def test_by_a_first_build_was_there_before(self):
        one = segment()
        key = one.key_of(1)
        there = found(one, frozenset(), fits=True, has_changed=False)
        came = found(one, frozenset(), fits=True, has_changed=True)

        assert there.keys == {key}
        assert came.keys == {key, untold(key)}
        assert there.told is came.told is None
        assert found(one, there.keys, fits=False, has_changed=True).keys == set()

    def test_by_a_first_build_stays_what_it_was_found_to_be(self):
        one = segment()
        there = found(one, frozenset(), fits=True, has_changed=False)
        came = found(one, frozenset(), fits=True, has_changed=True)
        went = found(one, there.keys, fits=False, has_changed=True)

        assert found(one, there.keys, fits=True, has_changed=True) == there
        assert found(one, came.keys, fits=True, has_changed=True) == came
        assert found(one, went.keys, fits=True, has_changed=True) == came

    def test_by_another_build_is_news_if_it_was_not_shown(self):
        one = segment(build=2, built=1, settled=1)
        key = one.key_of(2)
        stays = found(one, {one.key}, fits=True, has_changed=True)
        comes = found(one, frozenset(), fits=True, has_changed=False)

        assert stays.keys == {one.key, key}
        assert comes.keys == {key, untold(key)}
        assert found(one, stays.keys, fits=False, has_changed=True).keys == {one.key}


class TestShown:
    @pytest.mark.parametrize(
        ("had", "fits", "told"),
        [
            ((), True, True),
            ((), False, None),
            (("1",), False, False),
            (("1", "2"), True, None),
            (("1", "2"), False, False),
            (("2",), True, None),
            (("2", "2+"), True, True),
            (("2", "2+"), False, None),
        ],
    )
    def test_tells_the_difference_to_what_was_told(self, had, fits, told):
        one = segment(build=2, built=2, settled=1)
        own = {f"{one.id}.00000{each}" for each in had}
        standing = shown(one, own, fits=fits)

        assert standing.told is told
        assert standing.keys == ({one.key} if fits else set())


class World:
    """One record, one segment, and what everybody else has been told."""

    def __init__(self, *, fits):
        self.segment = segment()
        self.keys = frozenset()
        self.fits = fits
        self.has_changed = self.is_walked = False
        self.is_in = None

    def take(self, standing):
        self.keys = standing.keys
        if standing.told is not None:
            # Never twice, and never of what nobody knew of.
            assert standing.told is not self.is_in
            self.is_in = standing.told

    def change(self):
        self.fits, self.has_changed = not self.fits, True

    def look(self):
        """Evaluate it, as after an event."""
        one = self.segment
        if one.built == one.build:
            self.take(shown(one, self.keys, fits=self.fits))
        elif one.settled == one.built:
            self.find()

    def find(self):
        self.take(
            found(self.segment, self.keys, fits=self.fits, has_changed=self.has_changed)
        )

    def redefine(self):
        self.segment = replace(self.segment, build=self.segment.build + 1)
        self.fits, self.is_walked = not self.fits, False

    def go_on(self):
        """A step of the latest build's job."""
        one = self.segment
        if one.settled != one.built:
            self.settle()
        elif one.built != one.build and not self.is_walked:
            self.find()
            self.is_walked = True
        elif one.built != one.build:
            self.segment = replace(one, built=one.build)
            if self.is_in is None:
                self.is_in = self.keys == {self.segment.key}

    def settle(self):
        one = self.segment
        if any(each < one.key or each == untold(one.key) for each in self.keys):
            self.take(shown(one, self.keys, fits=one.key in self.keys))
        else:
            self.segment = replace(one, settled=one.built)


MOVES = st.sampled_from(["change", "look", "redefine", "go_on", "go_on"])


class TestTogether:
    @given(st.booleans(), st.lists(MOVES, max_size=40))
    def test_they_tell_everything_once(self, is_fitting, moves):
        world = World(fits=is_fitting)
        for move in moves:
            getattr(world, move)()
        for _ in range(9):
            world.go_on()
        world.look()

        assert world.segment.settled == world.segment.build
        assert world.keys == ({world.segment.key} if world.fits else set())
        assert world.is_in is world.fits
