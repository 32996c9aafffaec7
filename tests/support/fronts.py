"""A gunicorn with the gateway's worker, and clients that send it any bytes."""

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Client:
    """Sends bytes, and reads answers."""

    def __init__(self, connection):
        self.socket = connection
        self._reader = connection.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._reader.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        return self._reader.readline()

    def answer(self):
        """Status, headers by their lower-case names, body; None at the end."""
        line = self.line()
        if not line:
            return None
        headers = {}
        while (field := self.line()) != b"\r\n":
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = self._reader.read(int(headers.get("content-length", 0)))
        return int(line.split()[1]), headers, body

    def refusal(self):
        """Status and code of a problem, behind which the connection ends."""
        status, headers, body = self.answer()
        assert headers["content-type"] == "application/problem+json"
        problem = json.loads(body)
        assert headers["connection"] == "close"
        assert headers["x-request-id"] == problem["request_id"]
        assert self.answer() is None
        return status, problem["code"]


@dataclass
class Front:
    """A gunicorn with one worker."""

    process: subprocess.Popen
    address: tuple

    @property
    def worker(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return int(Path(path).read_text().split()[0])

    @property
    def sockets(self):
        """How many its worker has open."""
        names = []
        for entry in Path(f"/proc/{self.worker}/fd").iterdir():
            with suppress(OSError):
                names.append(str(entry.readlink()))
        return sum(name.startswith("socket:") for name in names)

    @property
    def queued(self):
        """How many connections nobody has accepted yet."""
        listening = f"0100007F:{self.address[1]:04X} 00000000:0000 0A"
        lines = Path("/proc/net/tcp").read_text().splitlines()
        line = next(line for line in lines if listening in line)
        return int(line.split()[4].partition(":")[2], 16)

    @property
    def is_closed(self):
        try:
            socket.create_connection(self.address, timeout=1).close()
        except (ConnectionRefusedError, ConnectionResetError):
            # Reset: it was closed while we knocked.
            return True
        return False

    def connect(self):
        return Client(socket.create_connection(self.address, timeout=10))

    def ask(self, data=GET):
        with self.connect() as client:
            client.send(data)
            return client.answer()


def start(listener, **environment):
    """The process; it answers some time later."""
    return subprocess.Popen(  # noqa: S603 - ours
        [
            *(sys.executable, "-m", "gunicorn", "-b", f"fd://{listener.fileno()}"),
            *("-k", "gateway_flask.worker.PatientWorker", "--threads", "2"),
            *("--keep-alive", "60", "--graceful-timeout", "15", "--no-control-socket"),
            *("--worker-connections", "300", "--limit-request-line", "8190"),
            *("--pythonpath", "tests/support", "front_app:application"),
        ],
        cwd=ROOT,
        pass_fds=[listener.fileno()],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )
