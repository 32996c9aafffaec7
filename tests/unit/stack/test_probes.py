import socket
import struct
import threading

import pytest

from stack.probes import Probe, hello_message, is_ready


class TestHelloMessage:
    def test_is_one_well_formed_message(self):
        message = hello_message()
        length, _, _, operation = struct.unpack("<iiii", message[:16])
        (document_length,) = struct.unpack("<i", message[21:25])

        assert len(message) == length
        assert operation == 2013
        assert len(message[21:]) == document_length


class TestIsReady:
    def test_is_no_where_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

        assert not is_ready(Probe("tcp", f"127.0.0.1:{port}"))

    @pytest.mark.parametrize(
        ("kind", "reply", "expected"),
        [
            ("smtp", b"220 hello\r\n", True),
            ("smtp", b"421 busy\r\n", False),
            ("mongodb", b"\x08isWritablePrimary\x00\x01\x02setName\x00", True),
            ("mongodb", b"\x08isWritablePrimary\x00\x00\x02setName\x00", False),
            ("mongodb", b"\x01ok\x00", True),
            ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
            ("http", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", False),
            ("http", b"nonsense\r\n\r\n", False),
        ],
    )
    def test_understands_the_answer(self, kind, reply, expected):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            target = f"http://{address}/health/live" if kind == "http" else address
            answering = threading.Thread(target=_answer, args=(listener, reply))
            answering.start()

            answer = is_ready(Probe(kind, target))

            answering.join()
        assert expected is answer


def _answer(listener: socket.socket, reply: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(reply)
        connection.recv(1_000)
