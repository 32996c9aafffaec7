import pytest

from chassis.restrictions import Restriction, read_restrictions


class TestReadRestrictions:
    def test_finds_none_where_the_token_has_none(self):
        assert read_restrictions(None) == {}

    def test_hides_only_what_may_not_be_seen(self):
        expected = {
            "leads": Restriction(frozenset({"phone"}), frozenset({"phone", "rating"})),
            "accounts": Restriction(frozenset(), frozenset({"tags"})),
        }

        found = read_restrictions(
            {
                "leads": {"none": ["phone"], "read": ["rating"]},
                "accounts": {"read": ["tags"]},
            }
        )

        assert found == expected

    @pytest.mark.parametrize(
        "claim",
        [
            ["leads"],
            {"leads": ["phone"]},
            {"leads": {"none": "phone"}},
            {"leads": {"write": ["phone"]}},
        ],
    )
    def test_refuses_what_could_be_read_as_less(self, claim):
        with pytest.raises(ValueError, match="not a"):
            read_restrictions(claim)
