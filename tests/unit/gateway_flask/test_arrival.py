import itertools

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from gateway_flask.arrival import MAX_BODY, MAX_HEAD, MAX_LINE, Arrival, State

GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n"
SIZED = POST % b"Content-Length: 5" + b"12345"
CHUNKED = POST % b"Transfer-Encoding: chunked"
CHUNKS = CHUNKED + b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\n"
WHOLE = {
    "without a body": GET,
    "sized": SIZED,
    "sized with zeros": POST % b"Content-Length: 0005" + b"12345",
    "chunked": CHUNKS + b"\r\n",
    "with a trailer": CHUNKS + b"X-Sum: 1\r\n\r\n",
    "behind an empty line": b"\r\n" + SIZED,
}
BROKEN = {
    "two lengths": POST % b"Content-Length: 5\r\nContent-Length: 5",
    "two different lengths": POST % b"Content-Length: 5\r\ncontent-length: 0",
    "a length and chunks": POST % b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    "chunks and a length": POST % b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    "chunked twice": POST % b"Transfer-Encoding: chunked, chunked",
    "chunked in two fields": POST
    % b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "chunked not last": POST % b"Transfer-Encoding: chunked, gzip",
    "no end": POST % b"Transfer-Encoding: identity",
    "a signed length": POST % b"Content-Length: +5",
    "a negative length": POST % b"Content-Length: -5",
    "a length with a comma": POST % b"Content-Length: 5, 5",
    "no length": POST % b"Content-Length:",
    "a folded length": POST % b"Content-Length:\r\n 5",
    "a bare LF in a line": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "a bare LF in a field": POST % b"X: a\nContent-Length: 5",
    "bare LFs only": b"GET / HTTP/1.1\nHost: x\n\n",
    "a size that is none": CHUNKED + b"g\r\n",
    "a negative size": CHUNKED + b"-1\r\n",
    "a size like a literal": CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a chunk without an end": CHUNKED + b"3\r\nabcde\r\n0\r\n\r\n",
    "an endless size": CHUNKED + b"1;" + b"a" * MAX_LINE,
    "endless trailers": CHUNKED + b"0\r\n" + b"X: y\r\n" * (MAX_HEAD // 4),
}


def fed(pieces):
    """Tells an arrival piece by piece, as long as it wants more."""
    arrival = Arrival()
    for piece in pieces:
        if arrival.state not in (State.EMPTY, State.HEAD, State.BODY):
            break
        arrival.add(piece)
    return arrival


def cut(data, points):
    edges = [0, *sorted(min(point, len(data)) for point in points), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


def is_taken(data):
    """Whether gunicorn's parser takes it, and all of it as one request."""
    parser = RequestParser(Config(), iter([data]), ("127.0.0.1", 1))
    try:
        request = next(parser)
        request.body.read()
    except (ParseException, OSError, StopIteration):
        return False
    return parser.unreader.take_buffered() == b""


POINTS = st.lists(st.integers(0, 200), max_size=20)


class TestARequest:
    @pytest.mark.parametrize("name", WHOLE)
    def test_is_complete_with_its_last_byte(self, name):
        data = WHOLE[name]

        arrival = fed([data[:-1]])
        assert arrival.state in (State.HEAD, State.BODY)
        arrival.add(data[-1:])
        assert arrival.state is State.COMPLETE
        assert arrival.take() == data
        assert is_taken(data)

    @given(st.sampled_from(sorted(WHOLE)), POINTS)
    def test_is_the_same_however_it_is_cut(self, name, points):
        data = WHOLE[name]

        arrival = fed(cut(data, points))
        assert (State.COMPLETE, False) == (arrival.state, arrival.is_cut)
        assert arrival.take() == data

    @given(st.lists(st.sampled_from(sorted(WHOLE)), min_size=2, max_size=4), POINTS)
    def test_does_not_wait_for_the_next_one(self, names, points):
        first, *others = (WHOLE[name] for name in names)
        pieces = [*cut(first, points), *others]

        arrival = fed(pieces)
        assert (State.COMPLETE, first) == (arrival.state, arrival.take())

    def test_may_be_followed_at_once(self):
        arrival = fed([SIZED + GET])

        assert (State.COMPLETE, SIZED + GET) == (arrival.state, arrival.take())

    def test_has_not_begun_with_an_empty_line(self):
        assert [fed([data]).state for data in (b"\r", b"\r\n")] == [State.EMPTY] * 2

    @given(st.binary(max_size=300), POINTS)
    @example(b"GET / HTTP/1.1\r\n\r\n\r\n", [])
    @example(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", [])
    @example(b"\r\rGET / HTTP/1.1\r\n\r\n", [1])
    def test_that_is_nonsense_never_fails_otherwise(self, data, points):
        whole, pieces = fed([data]), fed(cut(data, points))

        ends = (State.EMPTY, State.HEAD, State.BODY, State.COMPLETE)
        assert (whole.state in ends) == (pieces.state in ends)

    @given(
        st.lists(
            st.sampled_from(
                [
                    b"Content-Length: 5",
                    b"content-length:0",
                    b"Content-Length : 5",
                    b"Content-Length: 5 5",
                    b"Transfer-Encoding: chunked",
                    b"Transfer-Encoding:\tCHUNKED ",
                    b"Transfer-Encoding: chunked,",
                    b"Transfer-Encoding: x, chunked",
                    b"Transfer_Encoding: chunked",
                    b"Host: x",
                    b" folded",
                    b"X: \rContent-Length: 5",
                ]
            ),
            max_size=3,
        ),
        st.sampled_from([b"", b"12345", b"0\r\n\r\n", b"5\r\n12345\r\n0\r\n\r\n"]),
    )
    def test_is_never_said_to_end_before_the_parser_finds_its_end(self, fields, rest):
        """Else what remains of it would be taken for the next one."""
        data = b"\r\n".join([b"POST / HTTP/1.1", *fields, b"", rest])
        arrival = fed([data[at : at + 1] for at in range(len(data))])

        if arrival.state is State.COMPLETE and is_taken(data):
            assert arrival.take() == data


class TestWhatCannotBeARequest:
    @pytest.mark.parametrize("name", BROKEN)
    def test_is_refused(self, name):
        assert fed([BROKEN[name]]).state is State.MALFORMED

    @given(st.sampled_from(sorted(BROKEN)), POINTS)
    def test_is_refused_however_it_is_cut(self, name, points):
        assert fed(cut(BROKEN[name], points)).state is State.MALFORMED

    @given(st.integers(0, 3), st.lists(st.integers(0, 70_000), max_size=5))
    def test_is_a_line_without_an_end(self, more, points):
        data = b"GET /" + b"a" * (MAX_LINE - 3 + more)

        assert fed(cut(data, points)).state is State.URI_TOO_LONG
        assert fed([data[: MAX_LINE + 1]]).state is State.HEAD

    @given(st.lists(st.integers(0, 70_000), max_size=5))
    def test_is_a_head_without_an_end(self, points):
        data = b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEAD // 5)

        assert fed(cut(data, points)).state is State.HEAD_TOO_LARGE

    def test_is_a_coding_that_we_do_not_know(self):
        data = POST % b"Transfer-Encoding: gzip, chunked"

        assert fed([data]).state is State.CODING_UNKNOWN


class TestABody:
    @pytest.mark.parametrize("length", [str(MAX_BODY + 1), "9" * 5_000])
    def test_that_is_too_large_is_not_waited_for(self, length):
        arrival = fed([POST % (b"Content-Length: " + length.encode())])

        assert (State.COMPLETE, True) == (arrival.state, arrival.is_cut)

    def test_may_have_a_length_of_many_zeros(self):
        arrival = fed([POST % (b"Content-Length: " + b"0" * 5_000 + b"5")])

        assert (State.BODY, False) == (arrival.state, arrival.is_cut)

    def test_of_the_largest_size_is_waited_for(self):
        head = POST % (b"Content-Length: %d" % MAX_BODY)

        assert fed([head + b"a" * (MAX_BODY - 1)]).state is State.BODY
        assert fed([head + b"a" * MAX_BODY]).state is State.COMPLETE

    @pytest.mark.parametrize("size", [1, 40_000, 2 * MAX_BODY])
    def test_in_chunks_is_cut_when_there_is_too_much(self, size):
        chunk = b"%x\r\n" % size + b"a" * size + b"\r\n"
        arrival = fed([CHUNKED, *[chunk] * (3 * MAX_BODY // len(chunk))])

        assert (State.COMPLETE, True) == (arrival.state, arrival.is_cut)
        assert len(arrival) - len(CHUNKED) <= 2 * MAX_BODY + len(chunk)

    @pytest.mark.parametrize(
        ("line", "fields", "is_told"),
        [
            (b"POST / HTTP/1.1", b"Expect: 100-continue", True),
            (b"POST / HTTP/1.1", b"expect:100-Continue ", True),
            (b"POST / HTTP/1.0", b"Expect: 100-continue", False),
            (b"POST / HTTP/1.1", b"Expect: else", False),
            (b"POST / HTTP/1.1", b"X-Expect: 100-continue", False),
        ],
    )
    def test_may_be_waited_for_by_the_client(self, line, fields, is_told):
        data = b"\r\n".join([line, fields, b"Content-Length: 1", b"", b""])

        arrival = fed([data])
        assert (State.BODY, is_told) == (arrival.state, arrival.wants_continue)
