"""How a connection leaves the request that it came with."""

import socket
from collections.abc import Mapping
from typing import Any

from gateway_flask import sse
from gateway_flask.seats import Seat
from gateway_flask.stream import Page
from gateway_flask.stream_hub import StreamHub

__all__ = ["HandedOver", "StreamBody", "can_hand_over"]


class HandedOver(BaseException):
    """The answer has begun and goes on elsewhere: it is no error.

    Of the base class, so that nothing on the way to the worker takes it for one
    and ends the answer.
    """

    def __init__(self, body: "StreamBody") -> None:
        super().__init__()
        self.body = body


class StreamBody:
    """The beginning of a stream; behind it the worker gives the socket away."""

    def __init__(self, hub: StreamHub, seat: Seat, page: Page) -> None:
        self._hub = hub
        self._seat = seat
        self._page = page
        self._has_begun = False
        self._is_given_away = False

    def __iter__(self) -> "StreamBody":
        return self

    def __next__(self) -> bytes:
        if self._has_begun:
            self._is_given_away = True
            raise HandedOver(self)
        self._has_begun = True
        is_empty = not self._page.events
        return sse.retry() + (sse.place(self._page.position) if is_empty else b"\n")

    def give(self, client: socket.socket) -> None:
        """Let the hub go on with the connection."""
        self._hub.attach(client, self._seat, self._page)

    def close(self) -> None:
        """Called at the end of the request, however it ended."""
        if not self._is_given_away:
            self._hub.leave(self._seat)


def can_hand_over(environ: Mapping[str, Any]) -> bool:
    """Whether the request came through our worker."""
    return "gunicorn.socket" in environ
