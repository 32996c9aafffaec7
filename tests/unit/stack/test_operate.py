import pytest

from stack.errors import StackError
from stack.operate import matching, parse_scale

NAMES = [
    "gateway",
    "redis",
    "redis-state",
    "sales-rpc-1",
    "sales-rpc-2",
    "sales-events-1",
]


class TestMatching:
    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ("gateway", ["gateway"]),
            ("redis", ["redis"]),
            ("sales", ["sales-rpc-1", "sales-rpc-2", "sales-events-1"]),
            ("sales-rpc", ["sales-rpc-1", "sales-rpc-2"]),
            ("all", NAMES),
        ],
    )
    def test_finds_what_is_meant(self, wanted, expected):
        assert expected == matching(wanted, NAMES)

    def test_lists_what_there_is_for_an_unknown_name(self):
        with pytest.raises(StackError, match="There are: gateway, redis"):
            matching("sale", NAMES)


class TestParseScale:
    def test_splits_role_and_count(self):
        assert parse_scale("sales-rpc=3") == ("sales-rpc", 3)

    @pytest.mark.parametrize(
        "text",
        ["sales-rpc", "sales-rpc=0", "sales-rpc=33", "sales-mail=1", "sale-rpc=1", ""],
    )
    def test_refuses_what_it_cannot_mean(self, text):
        with pytest.raises(StackError, match="sales-rpc=3"):
            parse_scale(text)
