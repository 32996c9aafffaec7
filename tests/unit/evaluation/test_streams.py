import socket
import time

from evaluation.bench.streams import StreamFigures, _take, stream_table


class TestReader:
    def test_finds_each_mark_once_however_the_stream_is_cut(self):
        data = b"".join(
            b'id: %d\ndata: {"a":1,"request_id":"bench-%d","b":{}}\n\n' % (n, n)
            for n in (7, 8, 31)
        )
        for size in (1, 5, 40, len(data)):
            ours, theirs = socket.socketpair()
            arrived, tail = [], b""
            with ours, theirs:
                for at in range(0, len(data), size):
                    theirs.sendall(data[at : at + size])
                    tail = _take(ours, tail, arrived)

            assert [number for number, _ in arrived] == [7, 8, 31]
            assert all(at <= time.monotonic() for _, at in arrived)


class TestTable:
    def test_shows_the_latest_and_what_others_notice(self):
        figures = StreamFigures(
            streams=2,
            events=2,
            open_s=0.1,
            memory_mb=1.5,
            latencies_ms=[10, 20, 30, 40],
            missing=0,
            reads_ms=[[4.0], [5.0], [6.0], [15.0]],
        )
        shown = stream_table(figures)

        assert "40 ms" in shown
        assert "1.50 x" in shown
        assert "3.00 x" in shown
