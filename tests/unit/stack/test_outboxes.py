import pytest

from stack.broker import QueueDepth
from stack.outboxes import STUCK_S, ServiceOutbox, _problems

FINE = {"has_outbox": True, "relay": "host:1:x", "dead_letters": 0}


def problems(**fields):
    return list(_problems(ServiceOutbox("sales", **{**FINE, **fields})))


class TestProblems:
    def test_are_none_when_all_is_well(self):
        queue = QueueDepth("q", 900, 1)

        assert problems(queues=(queue,), oldest_pending_s=STUCK_S - 1) == []

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"oldest_pending_s": STUCK_S + 1}, "not yet in the event log"),
            ({"oldest_unpublished_s": STUCK_S + 1}, "not yet published"),
            ({"relay": None}, "no relay"),
            ({"queues": (QueueDepth("q", 3, 0),)}, "nobody consumes q"),
            ({"queues": (QueueDepth("q", None, 0),)}, "q is missing"),
            ({"dead_letters": 2}, "2 dead letters"),
            ({"dead_letters": None}, "is missing"),
        ],
    )
    def test_are_named(self, fields, said):
        (problem,) = problems(**fields)

        assert said in problem

    def test_do_not_ask_for_a_relay_where_nothing_is_published(self):
        assert problems(has_outbox=False, relay=None) == []
