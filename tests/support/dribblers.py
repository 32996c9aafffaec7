"""Clients that send a byte now and then, all of them in one thread."""

import selectors
import socket
import threading
import time
from dataclasses import dataclass

_PAUSE_S = 0.25


@dataclass
class Dribbler:
    """One of them, and what it was answered."""

    socket: socket.socket
    rest: bytes
    began: float
    answer: bytes = b""
    took_s: float | None = None

    def dribble(self):
        byte, self.rest = self.rest[:1], self.rest[1:]
        self.socket.sendall(byte)

    @property
    def status(self):
        return int(self.answer.split()[1]) if self.answer else None


class Dribblers:
    """Go on until each was answered.

    Args:
        beginnings: For each client what it sends at once, and what bit by bit.
    """

    def __init__(self, address, beginnings):
        self.clients = []
        for first, rest in beginnings:
            sock = socket.create_connection(address, timeout=10)
            sock.sendall(first)
            self.clients.append(Dribbler(sock, rest, time.monotonic()))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        for client in self.clients:
            client.socket.close()

    @property
    def waiting(self):
        return [client for client in self.clients if client.took_s is None]

    def _run(self):
        with selectors.DefaultSelector() as selector:
            for client in self.clients:
                selector.register(client.socket, selectors.EVENT_READ, client)
            next_at = time.monotonic()
            while self.waiting and not self._is_over.is_set():
                for key, _ in selector.select(max(next_at - time.monotonic(), 0)):
                    client = key.data
                    client.took_s = time.monotonic() - client.began
                    client.answer = client.socket.recv(65_536)
                    selector.unregister(client.socket)
                if time.monotonic() >= next_at:
                    next_at += _PAUSE_S
                    for client in self.waiting:
                        client.dribble()
