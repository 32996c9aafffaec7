import pytest

from chassis.effects import HEADER, Effect, read_effects, write_effects
from chassis.ids import new_id


class TestEffects:
    @pytest.mark.parametrize("count", [0, 1, 500])
    def test_are_read_as_they_were_written(self, count):
        effects = [Effect(new_id(), number, 2**31) for number in range(count)]

        assert read_effects({HEADER: write_effects(effects)}) == effects

    def test_are_none_without_the_header(self):
        assert read_effects({}) == []

    @pytest.mark.parametrize("text", ["x", "x.1.1", f"{'0' * 36}.1", "a,b"])
    def test_are_refused_if_they_are_unreadable(self, text):
        with pytest.raises(ValueError, match=r"."):
            read_effects({HEADER: text})
