"""A further gateway in front of a running stack, and clients that visit it."""

import random
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3
from fronts import Client
from waiting import until

from stack.paths import ROOT


class Gateway:
    """Run as the stack runs its own, with some settings changed."""

    def __init__(self, like, **environment):
        settings = _settings_of(like)
        with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
            self.address = listener.getsockname()
            settings["GATEWAY_BIND"] = f"fd://{listener.fileno()}"
            self.process = subprocess.Popen(  # noqa: S603 - ours
                [
                    *(sys.executable, "-m", "gunicorn"),
                    *("-c", "gateway_flask/gunicorn.conf.py"),
                    "gateway_flask.app:create_app()",
                ],
                cwd=ROOT,
                env={**settings, **environment},
                pass_fds=[listener.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def __enter__(self):
        until(lambda: len(self.workers) == 2 and self.ask(request("/health/live")))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def workers(self):
        return workers_of(self.process.pid)

    def connect(self):
        return Client(socket.create_connection(self.address, timeout=30))

    def ask(self, data):
        with self.connect() as client:
            client.send(data)
            return client.answer()


def _settings_of(pid):
    given = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in given if entry)


def secret_of(pid, name):
    """What a running process was given by its secrets directory."""
    return (Path(_settings_of(pid)["RAPPORT_SECRETS_DIR"]) / name).read_text().strip()


def workers_of(master):
    """The process ids of a gunicorn's workers."""
    children = Path(f"/proc/{master}/task/{master}/children")
    with suppress(FileNotFoundError):
        return {int(pid) for pid in children.read_text().split()}
    return set()


def request(path, token=None, body=None, address=None):
    """A request as bytes; as a proxy passes it on, if ``address`` says of whom."""
    head = ["GET" if body is None else "POST", path, "HTTP/1.1\r\nHost: x\r\n"]
    fields = [f"Authorization: Bearer {token}\r\n"] if token else []
    if address is not None:
        fields.append(f"X-Forwarded-For: {address}\r\n")
    if body is not None:
        fields.append(f"Content-Type: application/json\r\nContent-Length: {len(body)}")
        fields.append("\r\n")
    return (" ".join(head) + "".join(fields) + "\r\n" + (body or "")).encode()


class Visits:
    """What became of the requests of some visitors, each with one connection."""

    def __init__(self, address, token):
        self.failures = []
        self.took_s = []
        self.goodbyes = 0
        self._address = address
        self._token = token
        self._is_over = threading.Event()

    @contextmanager
    def going_on(self, raw=10, pooled=6):
        """Visitors come and come again until the end of the block."""
        threads = [
            threading.Thread(target=self._visit, args=(visitor, number))
            for number, visitor in enumerate(
                [self._raw] * raw + [self._pooled] * pooled
            )
        ]
        for thread in threads:
            thread.start()
        try:
            self.await_more(2 * len(threads))
            yield self
            self.await_more(2 * len(threads))
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def await_more(self, number):
        """Wait for so many more answers."""
        before = len(self.took_s)
        until(lambda: self.failures or len(self.took_s) >= before + number)

    def _visit(self, visitor, number):
        try:
            visitor(random.Random(number))  # noqa: S311 - no secret
        except (OSError, AssertionError, urllib3.exceptions.HTTPError) as error:
            self.failures.append(repr(error))

    def _requests(self, chance, longest_pause_s):
        while not self._is_over.wait(chance.uniform(0, longest_pause_s)):
            began = time.monotonic()
            yield chance.random() < 0.3
            self.took_s.append(time.monotonic() - began)

    def _raw(self, chance):
        """Does not look whether its connection is still there: it was not told."""
        reading = request("/v1/contacts?limit=1", self._token)
        writing = request("/v1/contacts", self._token, '{"last_name": "Visitor"}')
        client = None
        # Less than a process that stops waits for a next request.
        for is_change in self._requests(chance, 1):
            if client is None:
                connection = socket.create_connection(self._address, timeout=30)
                client = Client(connection)
            client.send(writing if is_change else reading)
            answer = client.answer()
            assert answer is not None, "the connection ended without an answer"
            status, headers, body = answer
            assert status == (201 if is_change else 200), body
            if headers["connection"] == "close":
                self.goodbyes += 1
                assert client.answer() is None
                client.close()
                client = None
        if client is not None:
            client.close()

    def _pooled(self, chance):
        """As most programs do: it looks before it writes, and never tries again."""
        fields = {"Authorization": f"Bearer {self._token}"}
        host, port = self._address
        with urllib3.HTTPConnectionPool(
            host, port, maxsize=1, retries=False, timeout=30, headers=fields
        ) as pool:
            for is_change in self._requests(chance, 4):
                if is_change:
                    payload = {"last_name": "Visitor"}
                    answer = pool.request("POST", "/v1/contacts", json=payload)
                else:
                    answer = pool.request("GET", "/v1/contacts?limit=1")
                assert answer.status == (201 if is_change else 200), answer.data
