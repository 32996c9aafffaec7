import pytest

from chassis.dialing import digits, number_keys


class TestNumberKeys:
    @pytest.mark.parametrize(
        ("number", "keys"),
        [
            ("+44 20 7946-0000", ["442079460000", "2079460000"]),
            ("0044 20 7946 0000", ["442079460000", "2079460000"]),
            ("020 7946 0000", ["2079460000"]),
            ("+1 (650) 253-0000", ["16502530000", "6502530000"]),
            ("+358 1", ["3581", "1"]),
            ("+44", ["44"]),
            ("no digits", []),
            ("", []),
        ],
    )
    def test_are_what_people_look_for(self, number, keys):
        assert number_keys(number) == keys


class TestDigits:
    def test_of_any_script_are_the_same(self):
        assert digits("٠١٢ - ३४") == "1234"
