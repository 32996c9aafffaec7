"""The hub on real sockets; only what svc_analytics would answer is made up."""

import socket
import threading
import time
from contextlib import ExitStack
from itertools import pairwise

import pytest

from chassis.auth import Caller
from chassis.errors import ConflictError, RateLimitedError, UnavailableError
from gateway_flask.catch_up import CatchUp
from gateway_flask.seats import Seat, Seats
from gateway_flask.stream import Page
from gateway_flask.stream_hub import StreamHub

ORG = "o1"


def caller(**fields):
    return Caller(
        **{
            "principal_id": "p1",
            "principal_type": "person",
            "org_id": ORG,
            "roles": (),
            "team_ids": (),
            "grants": {"contacts:read": "all"},
            "expires_at": time.time() + 600,
            "token_id": "x",
            **fields,
        }
    )


def seat(*, is_chunked=False, types=(), **fields):
    return Seat(
        caller=caller(**fields),
        token="t",  # noqa: S106 - nobody looks at it
        types=frozenset(types),
        is_chunked=is_chunked,
        request_id="r",
    )


def event(position, **fields):
    return {"position": position, "event": "customer.contact_created", **fields}


def news(*positions, **fields):
    terms = {"resource": "contacts", "acl": [], **fields}
    return [event(each, **terms) for each in positions]


class Log:
    """An organization's log behind the bus, in pages of three."""

    def __init__(self, bus):
        self.head = 0
        self.asked = []
        self._bus = bus
        bus.call = self.call

    def call(self, service, method, *, kwargs, context, timeout_s):
        query = kwargs["query"]
        after = int(query["after"])
        self.asked.append(after)
        last = min(after + 3, self.head)
        self._bus.answers[f"{service}.{method}"] = {
            "data": [event(each) for each in range(after + 1, last + 1)],
            "page": {"position": last, "has_more": last < self.head},
        }
        return type(self._bus).call(
            self._bus,
            service,
            method,
            kwargs=kwargs,
            context=context,
            timeout_s=timeout_s,
        )


class Reader:
    """The client's end of a stream."""

    def __init__(self, hub, given, page=None):
        ours, self.socket = socket.socketpair()
        self.socket.settimeout(10)
        self._seen = b""
        hub.reserve(given)
        hub.attach(ours, given, page or Page([], 0, has_more=False))

    def until(self, text):
        """Everything that has come, up to where ``text`` is in it."""
        while text not in self._seen:
            data = self.socket.recv(65_536)
            assert data, f"closed before {text}"
            self._seen += data
        return self._seen

    def rest(self):
        """Everything, once the stream has ended."""
        while data := self.socket.recv(65_536):
            self._seen += data
        return self._seen


def ids(stream):
    lines = stream.decode().split("\n")
    return [
        int(line.removeprefix("id: "))
        for line, after in pairwise(lines)
        if line.startswith("id: ") and after.startswith("event: ")
    ]


@pytest.fixture
def log(bus):
    return Log(bus)


@pytest.fixture
def make_hub(bus):
    hubs = []

    def make(most=10, of_one=5, is_valid=lambda _: True, **terms):
        hub = StreamHub(Seats(most, of_one), CatchUp(bus), is_valid, **terms)
        hubs.append(hub)
        return hub

    yield make
    for hub in hubs:
        hub.close()


@pytest.fixture
def hub(make_hub):
    return make_hub()


@pytest.fixture
def join():
    """Opens a stream: ``join(hub, seat())`` gives the client's end."""
    with ExitStack() as stack:

        def open_stream(*terms):
            reader = Reader(*terms)
            stack.enter_context(reader.socket)
            return reader

        yield open_stream


class TestLive:
    def test_sends_each_event_once_to_all(self, join, hub, log):
        readers = [join(hub, seat()), join(hub, seat(is_chunked=True))]
        hub.hear(ORG, news(1, 2))
        hub.hear(ORG, news(2, 3))

        for reader in readers:
            seen = reader.until(b"id: 3\n")
            assert ids(seen) == [1, 2, 3]
            assert b"resource" not in seen
            assert b"acl" not in seen
        assert log.asked == []

    def test_shows_nothing_beyond_rights_types_and_organization(self, join, hub):
        own = join(hub, seat(grants={"contacts:read": "own"}))
        typed = join(hub, seat(types=["customer.contact_archived"]))
        elsewhere = join(hub, seat(org_id="o2"))
        hub.hear(ORG, news(1) + news(2, acl=["p1"]) + news(3, resource="leads"))
        archived = {"event": "customer.contact_archived", "acl": ["p1"]}
        hub.hear(ORG, [{**each, **archived} for each in news(4)])
        hub.hear("o2", news(1))

        assert ids(own.until(b"id: 4\n")) == [2, 4]
        assert ids(typed.until(b"id: 4\n")) == [4]
        assert ids(elsewhere.until(b"id: 1\n")) == [1]

    def test_goes_on_after_what_is_no_event(self, join, hub, caplog):
        reader = join(hub, seat())
        hub.hear(ORG, [{"nothing": 1}])
        hub.hear(ORG, news(1))

        assert ids(reader.until(b"id: 1\n")) == [1]
        assert "failed in one turn" in caplog.text

    def test_waits_for_a_piece_that_was_overtaken(self, join, hub, log):
        reader = join(hub, seat())
        hub.hear(ORG, news(1))
        hub.hear(ORG, news(3))
        hub.hear(ORG, news(2))

        assert ids(reader.until(b"id: 3\n")) == [1, 2, 3]
        assert log.asked == []


class TestCatchingUp:
    def test_goes_through_the_log_and_on_live(self, join, hub, log):
        log.head = 8
        first = Page([event(each) for each in (1, 2)], 2, has_more=True)
        reader = join(hub, seat(), first)
        reader.until(b"id: 8\n")
        hub.hear(ORG, news(8, 9))

        assert ids(reader.until(b"id: 9\n")) == list(range(1, 10))

    def test_reads_what_was_missed_in_a_gap(self, join, hub, log):
        reader = join(hub, seat())
        hub.hear(ORG, news(1))
        reader.until(b"id: 1\n")
        log.head = 5
        hub.notice_gap()
        reader.until(b"id: 5\n")
        hub.hear(ORG, news(5, 6))

        assert ids(reader.until(b"id: 6\n")) == [1, 2, 3, 4, 5, 6]

    def test_reads_what_a_hole_has_swallowed(self, join, hub, log):
        reader = join(hub, seat())
        hub.hear(ORG, news(1))
        log.head = 4
        hub.hear(ORG, news(4))

        assert ids(reader.until(b"id: 4\n")) == [1, 2, 3, 4]

    def test_gives_the_same_answer_to_all_who_are_owed_it(self, join, hub, log):
        readers = [join(hub, seat()) for _ in range(4)]
        hub.hear(ORG, news(1))
        for reader in readers:
            reader.until(b"id: 1\n")
        log.head = 2
        hub.notice_gap()

        for reader in readers:
            assert ids(reader.until(b"id: 2\n")) == [1, 2]
        assert len(log.asked) < 4

    def test_is_tried_again_when_the_log_is_away(self, join, hub, log, bus):
        reader = join(hub, seat())
        answer = log.call
        failed = threading.Event()

        def fail(*_, **__):
            bus.call = answer
            failed.set()
            raise UnavailableError("service_unavailable", "away")

        bus.call = fail
        log.head = 1
        hub.notice_gap()

        assert ids(reader.until(b"id: 1\n")) == [1]
        assert failed.is_set()


class TestSlowClients:
    def test_get_what_happens_at_their_own_pace(self, join, hub, log):
        log.head = 400
        reader = join(hub, seat())
        for position in range(1, 401):
            hub.hear(ORG, news(position, data="x" * 5_000))

        assert ids(reader.until(b"id: 400\n")) == list(range(1, 401))

    def test_that_read_nothing_are_cut_off(self, join, make_hub, until):
        ended = []
        hub = make_hub(stalled_s=0.2, on_change=lambda _, why: ended.append(why))
        reader = join(hub, seat())
        hub.hear(ORG, news(1, 2, 3, data="x" * 500_000))
        until(lambda: not len(hub.seats))

        assert ended[-1] == "client_stalled"
        assert len(reader.rest()) < 1_500_000

    def test_that_are_gone_leave_their_seat(self, join, hub, until):
        reader = join(hub, seat())
        reader.socket.close()

        until(lambda: not len(hub.seats))


class TestEnd:
    def test_comes_with_the_token(self, join, hub):
        assert b"retry: " in join(hub, seat(expires_at=time.time() + 0.5)).rest()

    def test_comes_when_the_process_stops_and_says_so(self, join, hub):
        reader = join(hub, seat(is_chunked=True))
        hub.hear(ORG, news(1))
        reader.until(b"id: 1\n")
        started = time.monotonic()
        hub.close()

        assert reader.rest().endswith(b"0\r\n\r\n")
        assert time.monotonic() - started < 2
        with pytest.raises(UnavailableError, match="stopping"):
            hub.reserve(seat())

    def test_comes_when_the_position_is_refused(self, join, hub, bus):
        reader = join(hub, seat())
        bus.call = lambda *_, **__: refuse()
        hub.notice_gap()

        assert b"retry: " in reader.rest()


def refuse():
    raise ConflictError("position_expired", "gone")


class TestSeats:
    def test_are_limited_for_the_process(self, make_hub):
        hub = make_hub(most=2)
        hub.reserve(seat(principal_id="a"))
        hub.reserve(seat(principal_id="b"))

        with pytest.raises(UnavailableError) as caught:
            hub.reserve(seat(principal_id="c"))
        assert caught.value.code == "streams_full"

    def test_are_limited_for_a_principal(self, make_hub):
        hub = make_hub(of_one=1)
        first = seat()
        hub.reserve(first)

        with pytest.raises(RateLimitedError):
            hub.reserve(seat())
        hub.reserve(seat(org_id="o2"))
        hub.leave(first)
        hub.leave(first)
        hub.reserve(seat())
        assert len(hub.seats) == 2

    def test_shrink_to_the_files_that_may_be_open(self, hub):
        hub.seats.limit(1)
        hub.reserve(seat())

        with pytest.raises(UnavailableError):
            hub.reserve(seat(principal_id="b"))
