import itertools

from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from chassis.reply_reader import ReplyReader

CHANNEL = 1
BODY_MAX = 50


def content(channel, method, correlation_id, body):
    properties = spec.BasicProperties(
        correlation_id=correlation_id, headers={"rapport.replayed": True}
    )
    parts = [
        frame.Method(channel, method).marshal(),
        frame.Header(channel, len(body), properties).marshal(),
    ]
    parts += [
        frame.Body(channel, body[start : start + BODY_MAX]).marshal()
        for start in range(0, len(body), BODY_MAX)
    ]
    return b"".join(parts)


def delivery(channel, correlation_id, body):
    deliver = spec.Basic.Deliver(
        consumer_tag="c", delivery_tag=1, exchange="nameko-rpc", routing_key="reply.x.y"
    )
    return content(channel, deliver, correlation_id, body)


def returned(channel, correlation_id, body):
    answer = spec.Basic.Return(312, "NO_ROUTE", "nameko-rpc", "x.y")
    return content(channel, answer, correlation_id, body)


def reader_of(replies):
    reader = ReplyReader()
    reader.take_from(CHANNEL, lambda *reply: replies.append(reply))
    return reader


texts = st.text("0123456789abcdef", min_size=1, max_size=8)
bodies = st.binary(max_size=180)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("reply"), texts, bodies),
        st.tuples(st.just("return"), texts, bodies),
        st.tuples(st.just("elsewhere"), texts, bodies),
        st.tuples(st.just("heartbeat"), texts, bodies),
    ),
    max_size=8,
)


def stream_of(events):
    make = {
        "reply": lambda name, body: delivery(CHANNEL, name, body),
        "return": lambda name, body: returned(CHANNEL, name, body),
        "elsewhere": lambda name, body: delivery(2, name, body),
        "heartbeat": lambda _name, _body: frame.Heartbeat().marshal(),
    }
    return [(kind, make[kind](name, body)) for kind, name, body in events]


class TestReplyReader:
    @given(happenings, st.lists(st.integers(1, 40), min_size=1, max_size=20))
    def test_takes_replies_and_leaves_the_rest_however_it_arrives(self, events, sizes):
        replies = []
        reader = reader_of(replies)
        frames = stream_of(events)
        stream = b"".join(data for _, data in frames)
        pieces, start = itertools.cycle(sizes), 0
        left = b""
        while start < len(stream):
            size = next(pieces)
            left += reader.feed(stream[start : start + size])
            start += size

        assert [(p.correlation_id, body) for p, body in replies] == [
            (name, body) for kind, name, body in events if kind == "reply"
        ]
        assert all(p.headers == {"rapport.replayed": True} for p, _ in replies)
        assert left == b"".join(data for kind, data in frames if kind != "reply")

    def test_leaves_what_is_no_frame_to_the_library(self):
        reader = reader_of([])

        assert reader.feed(b"AMQP\x00\x00\x09\x01") == b"AMQP\x00\x00\x09\x01"

    def test_leaves_a_frame_without_its_end_to_the_library(self):
        reader = reader_of([])
        broken = delivery(CHANNEL, "a", b"x")[:-1] + b"\x00"

        assert reader.feed(broken).endswith(b"x\x00")

    def test_leaves_everything_until_it_is_told_a_channel(self):
        frames = delivery(CHANNEL, "a", b"x")

        assert ReplyReader().feed(frames) == frames
