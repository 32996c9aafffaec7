import json

from gateway_flask import sse


def read(stream):
    """The events that a browser would see, and the last id that it remembers.

    By the rules of WHATWG HTML 9.2.6, for a stream that ends with a block.
    """
    last_id, seen = "", []
    for block in stream.decode().split("\n\n")[:-1]:
        fields = [line.partition(":") for line in block.split("\n")]
        told = {name: value.removeprefix(" ") for name, _, value in fields}
        last_id = told.get("id", last_id)
        if "data" in told:
            seen.append((last_id, told.get("event", "message"), told["data"]))
    return seen, last_id


EVENT = {
    "position": 7,
    "event": "customer.contact_created",
    "data": {"text": "a\nb\r\n:c\u2028d é"},
}


class TestFrames:
    def test_hold_one_event_whatever_is_in_it(self):
        (seen,), _ = read(sse.event_frame(EVENT))

        assert ("7", "customer.contact_created") == seen[:2]
        assert EVENT == json.loads(seen[2])

    def test_of_a_place_are_no_event_but_remembered(self):
        seen, last_id = read(sse.event_frame(EVENT) + sse.place(12))

        assert ["7"] == [each[0] for each in seen]
        assert last_id == "12"

    def test_of_a_heartbeat_are_nothing(self):
        assert read(sse.HEARTBEAT + sse.retry() + b"\n") == ([], "")

    def test_in_chunks_are_as_long_as_they_say(self):
        size, _, rest = sse.chunk(b"x" * 300).partition(b"\r\n")

        assert int(size, 16) == 300
        assert rest == b"x" * 300 + b"\r\n"

    def test_at_the_end_say_when_to_come_back(self):
        assert sse.closing(is_chunked=True).endswith(b"\r\n0\r\n\r\n")
        assert sse.closing(is_chunked=False).startswith(b"retry: ")
