"""How a request is read before a worker is spent on it."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.message import Message
from nameko.exceptions import IncorrectSignature, MalformedRequest

from chassis import codec
from chassis.ids import new_id
from chassis.rpc import Rpc, _arguments, _deadline
from chassis.topology import is_reply_key

NOW = 1_700_000_000.0
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def message(body, content_type="application/json"):
    return Message(body=body, content_type=content_type)


class TestDeadline:
    @pytest.mark.parametrize(
        ("text", "left_s"),
        [
            (None, 30),
            ("", 30),
            ("soon", 30),
            ("nan", 30),
            ("inf", 30),
            (str(NOW + 31), 30),
            (str(NOW + 2.5), 2.5),
            (str(NOW - 1), -1),
        ],
    )
    def test_is_the_callers_but_never_later_than_our_own(self, text, left_s):
        assert _deadline(text, NOW) - NOW == left_s

    @given(st.text() | st.floats().map(str) | st.integers().map(str))
    def test_is_a_moment_whatever_the_header_says(self, text):
        assert _deadline(text, NOW) <= NOW + 30


class TestArguments:
    @given(st.lists(JSON_VALUES), st.dictionaries(st.text(), JSON_VALUES))
    def test_come_out_as_they_went_in(self, args, kwargs):
        body = codec.encode({"args": args, "kwargs": kwargs})

        assert _arguments(message(body)) == (args, kwargs)

    @given(JSON_VALUES)
    def test_are_refused_in_any_other_shape(self, value):
        with pytest.raises(MalformedRequest):
            _arguments(message(codec.encode(value)))

    @given(JSON_VALUES, JSON_VALUES)
    def test_are_a_list_and_an_object(self, args, kwargs):
        request = message(codec.encode({"args": args, "kwargs": kwargs}))

        if isinstance(args, list) and isinstance(kwargs, dict):
            assert _arguments(request) == (args, kwargs)
        else:
            with pytest.raises(MalformedRequest):
                _arguments(request)

    @given(st.binary() | st.text())
    def test_are_refused_if_they_are_anything(self, body):
        with pytest.raises(MalformedRequest):
            _arguments(message(body))

    @pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x"])
    def test_are_read_from_json_alone(self, content_type):
        with pytest.raises(MalformedRequest):
            _arguments(message(b'{"args": [], "kwargs": {}}', content_type))


class TestSignature:
    @pytest.fixture
    def entrypoint(self):
        def method(self, *, lead_id, query=None):
            pass

        entrypoint = Rpc()
        entrypoint._signature = inspect.signature(method)
        return entrypoint

    @pytest.mark.parametrize("kwargs", [{"lead_id": 1}, {"lead_id": 1, "query": {}}])
    def test_takes_what_the_method_takes(self, entrypoint, kwargs):
        entrypoint.check_signature([], kwargs)

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [
            ([], {}),
            ([1], {}),
            ([1], {"lead_id": 1}),
            ([], {"lead_id": 1, "nope": 1}),
            ([], {"lead_id": 1, "self": 1}),
            ([], {"lead_id": 1, "": 1}),
        ],
    )
    def test_refuses_the_rest(self, entrypoint, args, kwargs):
        with pytest.raises(IncorrectSignature):
            entrypoint.check_signature(args, kwargs)


class TestReplyKeys:
    @pytest.mark.parametrize("prefix", ["", "reply.gateway.", "reply.sales."])
    def test_may_be_a_stock_clients_or_a_users_own(self, prefix):
        assert is_reply_key(f"{prefix}{new_id()}")

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "#",
            "*",
            "sales.get_lead",
            "reply.sales.hint",
            f"reply.*.{new_id()}",
            f"reply.sales.{new_id()}.#",
            f"sales.{new_id()}",
            f"{new_id()}\n",
            new_id().upper(),
        ],
    )
    def test_are_nothing_that_the_broker_would_close_the_channel_for(self, key):
        assert not is_reply_key(key)

    @given(st.text())
    def test_are_never_a_method(self, name):
        assert not is_reply_key(f"customer.{name}")
