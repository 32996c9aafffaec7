import socket
import threading

import pytest

from chassis.packets import _begins_with_frame, _Writer


@pytest.fixture
def ends():
    near, far = socket.socketpair()
    far.settimeout(2)
    yield near, far
    near.close()
    far.close()


class TestWriter:
    def test_sends_at_once_what_is_not_held(self, ends):
        near, far = ends
        _Writer(near.sendall)(b"frame")

        assert far.recv(100) == b"frame"

    def test_sends_what_was_held_in_one_piece(self, ends):
        near, far = ends
        sent = []
        writer = _Writer(lambda data: sent.append(bytes(data)) or near.sendall(data))
        shared = bytearray(b"one")
        writer.hold()
        writer(memoryview(shared))
        shared[:] = b"two"
        writer(memoryview(shared))

        assert sent == []
        writer.release()
        assert sent == [b"onetwo"]
        assert far.recv(100) == b"onetwo"

    def test_sends_nothing_for_nothing(self):
        sent = []
        writer = _Writer(sent.append)
        writer.hold()
        writer.release()

        assert sent == []

    def test_lets_no_other_thread_write_into_a_packet(self, ends):
        near, far = ends
        writer = _Writer(near.sendall)
        packets = [bytes([number]) * 1_000_000 for number in range(4)]
        threads = [threading.Thread(target=writer, args=(each,)) for each in packets]
        for thread in threads:
            thread.start()
        received = bytearray()
        while len(received) < 4_000_000:
            received += far.recv(65_536)
        for thread in threads:
            thread.join()

        runs = [received[index] for index in range(0, 4_000_000, 1_000_000)]
        assert received == b"".join(bytes([run]) * 1_000_000 for run in runs)
        assert sorted(runs) == [0, 1, 2, 3]


class TestBeginsWithFrame:
    FRAME = b"\x01\x00\x01\x00\x00\x00\x03abc\xce"

    def test_needs_the_whole_of_it(self):
        parts = [self.FRAME[:size] for size in range(len(self.FRAME))]

        assert not any(_begins_with_frame(part) for part in parts)

    def test_looks_at_the_first_only(self):
        assert _begins_with_frame(self.FRAME)
        assert _begins_with_frame(self.FRAME + self.FRAME[:5])
