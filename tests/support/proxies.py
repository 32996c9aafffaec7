"""A network between a client and a server, and everything that ails networks."""

import socket
import threading
from contextlib import suppress

_CHUNK = 65_536


class Proxy:
    """Passes TCP connections on to a server, until told otherwise.

    Attributes:
        port: Where it listens, on the loopback interface; it stays the same.
        delay_s: How long every piece takes, in both directions.
        bytes_per_s: How fast each direction of a connection is; None: no limit.
    """

    def __init__(self, host, port):
        self._target = host, port
        self._lock = threading.Lock()
        self._ends = set()
        self._listener = None
        self._flows = threading.Event()
        self._flows.set()
        self._closed = threading.Event()
        self.port = 0
        self.delay_s = 0.0
        self.bytes_per_s = None
        self.come_back()

    def cut(self):
        """End every connection; new ones are accepted as before."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            _hang_up(end)

    def go_away(self):
        """End every connection and refuse new ones."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            _hang_up(listener)
            listener.close()
        self.cut()

    def come_back(self):
        """Accept connections again."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def swallow(self):
        """Pass nothing on, as if a cable were out; nobody is told."""
        self._flows.clear()

    def flow(self):
        """Pass on again, what was held back first."""
        self._flows.set()

    def close(self):
        """Stop for good."""
        self._closed.set()
        self.flow()
        self.go_away()

    def _accept(self, listener):
        while True:
            try:
                inner, _ = listener.accept()
            except OSError:
                return
            try:
                outer = socket.create_connection(self._target, timeout=5)
            except OSError:
                inner.close()
                continue
            outer.settimeout(None)
            with self._lock:
                self._ends |= {inner, outer}
                is_late = self._listener is not listener
            for pair in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()
            if is_late:
                self.cut()

    def _pump(self, source, target):
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._flows.wait()
                if self.delay_s:
                    self._closed.wait(self.delay_s)
                if self.bytes_per_s:
                    self._closed.wait(len(data) / self.bytes_per_s)
                target.sendall(data)
        for end in (source, target):
            _hang_up(end)
        with self._lock:
            self._ends.discard(source)
        source.close()


def _hang_up(end):
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
