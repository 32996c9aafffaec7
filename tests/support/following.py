"""A client that follows ``/v1/stream``, and comes back whenever it ends."""

import http.client
import json
import socket
import threading
from contextlib import suppress
from urllib.parse import urlencode, urlsplit


class Stream:
    """One answer of ``/v1/stream``, block by block."""

    def __init__(self, gateway, token=None, last_event_id=None, **query):
        address = urlsplit(gateway).netloc
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        self._connection = http.client.HTTPConnection(address, timeout=20)
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("GET", f"/v1/stream?{urlencode(query)}", None, headers)
        self.response = self._connection.getresponse()
        self.status = self.response.status

    def problem(self):
        """What was refused."""
        return json.loads(self.response.read())

    def __iter__(self):
        """Blocks as dictionaries, until the stream ends as it should.

        Raises:
            http.client.HTTPException, OSError: It was cut off.
        """
        fields = {}
        while line := self.response.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif fields:
                yield fields
                fields = {}

    def next_event(self):
        """The next block that is an event: its id, name and document."""
        block = next(each for each in self if "data" in each)
        return int(block["id"]), block["event"], json.loads(block["data"])

    def hang_up(self):
        """End it, in whatever thread it is read."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self):
        """Let go of it."""
        self.response.close()
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Follower:
    """Follows in a thread of its own; ``events`` holds what it was sent."""

    def __init__(self, gateway, token):
        self.events = []
        self.streams = 0
        self._gateway = gateway
        self._token = token
        self._place = None
        self._stream = None
        self._stop = threading.Event()
        self._live = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        assert self._live.wait(20), "no stream began in time"
        return self

    def __exit__(self, *_):
        self._stop.set()
        if self._stream is not None:
            self._stream.hang_up()
        self._thread.join(30)

    def ids(self):
        """The records that were told of, in order."""
        return [document["aggregate"]["id"] for _, document in self.events]

    def places(self):
        """The positions of what was told, in order."""
        return [place for place, _ in self.events]

    def _run(self):
        while not self._stop.is_set():
            with suppress(OSError, http.client.HTTPException):
                self._follow_once()
            self._stop.wait(0.1)

    def _follow_once(self):
        with Stream(self._gateway, self._token, self._place) as stream:
            if stream.status != 200:
                return
            self._stream = stream
            self.streams += 1
            for block in stream:
                if "data" in block:
                    document = json.loads(block["data"])
                    self.events.append((int(block["id"]), document))
                self._place = block.get("id", self._place)
                self._live.set()
                if self._stop.is_set():
                    return
