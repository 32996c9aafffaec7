import socket
import threading

import pytest

from evaluation.bench.load import Load, Response, parse, requests_of

HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 4\r\n\r\n"


class TestParse:
    def test_waits_for_the_whole_body(self):
        whole = HEAD + b"body"

        assert all(parse(whole[:size]) is None for size in range(len(whole)))
        assert parse(whole) == Response(200, len(whole))

    def test_leaves_what_follows(self):
        assert parse(HEAD + b"bodyHTTP/1.1 500") == Response(200, len(HEAD) + 4)

    def test_reads_the_status(self):
        response = parse(b"HTTP/1.1 503 Gone\r\ncontent-length: 0\r\n\r\n")

        assert response is not None
        assert response.status == 503

    def test_refuses_a_response_of_unknown_length(self):
        with pytest.raises(ValueError, match="Content-Length"):
            parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


class TestRequests:
    def test_read_every_document_once_in_a_round(self):
        assert len(set(requests_of("read"))) == 1_000

    def test_write_with_a_length(self):
        head, _, body = requests_of("write")[0].partition(b"\r\n\r\n")

        assert f"Content-Length: {len(body)}".encode() in head


class TestLoad:
    def test_outlives_a_server_that_ends_each_connection_behind_the_answer(self):
        """What ends while nothing is asked is no failure."""
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve():
                while True:
                    try:
                        client, _ = listener.accept()
                    except OSError:
                        return
                    with client:
                        if client.recv(1_024):
                            client.sendall(HEAD + b"body")

            thread = threading.Thread(target=serve)
            thread.start()
            load = Load(listener.getsockname()[1], [b"x"], connections=1, rate=50)
            try:
                load.run(0.4)
            finally:
                load.close()
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()

        assert len(load.latencies_us) + load.errors.total() == 20
        assert len(load.latencies_us) > 10
