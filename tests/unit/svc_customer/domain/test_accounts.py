import pytest

from chassis.errors import InvalidInputError
from svc_customer.domain.accounts import DEEPEST, check_place

WAY = [str(number) for number in range(DEEPEST)]


class TestCheckPlace:
    @pytest.mark.parametrize(
        ("account_id", "way_up", "levels"),
        [
            (None, WAY[1:], 0),
            ("a", WAY[1:], 0),
            ("a", ["b"], DEEPEST - 2),
            ("a", [], DEEPEST - 1),
        ],
    )
    def test_lets_through(self, account_id, way_up, levels):
        check_place(account_id, way_up, levels)

    @pytest.mark.parametrize("way_up", [["a"], ["b", "a"], ["b", "c", "a", "d"]])
    def test_refuses_a_circle(self, way_up):
        with pytest.raises(InvalidInputError, match="account_cycle") as told:
            check_place("a", way_up, 0)

        assert told.value.extra["errors"][0]["field"] == "parent_id"

    @pytest.mark.parametrize(
        ("account_id", "way_up", "levels"),
        [(None, WAY, 0), ("a", WAY[1:], 1), ("a", ["b"], DEEPEST - 1)],
    )
    def test_refuses_what_is_too_deep(self, account_id, way_up, levels):
        with pytest.raises(InvalidInputError, match="account_too_deep"):
            check_place(account_id, way_up, levels)
