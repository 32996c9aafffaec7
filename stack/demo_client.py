"""A small HTTP client: one connection per thread, writes with keys, retries."""

import http.client
import json
import threading
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

from stack.errors import StackError

__all__ = ["Client"]

_TIMEOUT_S: Final = 15
_ATTEMPTS: Final = 5
_BUSY: Final = frozenset({429, 503, 504})
# Our own request before, whose answer was lost.
_IN_PROGRESS: Final = "idempotency_key_in_progress"
_OK: Final = frozenset({200, 201})


class Client:
    """Talks to the gateway as the demo's owner; may be shared by threads."""

    def __init__(self, gateway: str, demo: Mapping[str, str]) -> None:
        """Log in.

        Raises:
            StackError: The gateway does not answer, or knows nobody like that.
        """
        self._address = urlsplit(gateway).netloc
        self._threads = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._pause = threading.Event()
        self._token = ""
        credentials = {"email": demo["email"], "password": demo["password"]}
        self._token = self.make("/v1/auth/login", credentials)["access_token"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connection in self._connections:
            connection.close()

    def get(self, path: str) -> dict[str, Any]:
        """The answer to a GET.

        Raises:
            StackError: It was refused.
        """
        return self._accepted("GET", path, *self._request("GET", path, None, {}))

    def make(self, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a POST that has to succeed, under a key of its own.

        Raises:
            StackError: It was refused.
        """
        return self._accepted("POST", path, *self.post(path, payload, uuid.uuid4().hex))

    def change(self, path: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a PATCH that has to succeed.

        Doing it twice is the same as doing it once.

        Raises:
            StackError: It was refused.
        """
        return self._accepted("PATCH", path, *self._request("PATCH", path, patch, {}))

    def post(
        self, path: str, payload: Mapping[str, Any], key: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and answer of a POST under an Idempotency-Key."""
        return self._request("POST", path, payload, {"Idempotency-Key": key})

    @staticmethod
    def _accepted(
        method: str, path: str, status: int, answer: dict[str, Any]
    ) -> dict[str, Any]:
        if status not in _OK:
            raise StackError(f"{method} {path} was answered {status}: {answer}")
        return answer

    def _request(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> tuple[int, dict[str, Any]]:
        """Ask until the answer is one; a POST has a key, which makes that safe."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                status, answer = self._once(method, path, payload, headers)
            except (OSError, http.client.HTTPException) as error:
                self._threads.connection = None
                if attempt == _ATTEMPTS:
                    raise StackError(f"The gateway does not answer: {error}") from None
            else:
                is_busy = status in _BUSY or answer.get("code") == _IN_PROGRESS
                if not is_busy or attempt == _ATTEMPTS:
                    return status, answer
            self._pause.wait(attempt)
        raise AssertionError

    def _once(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> tuple[int, dict[str, Any]]:
        connection = self._connection()
        body = None if payload is None else json.dumps(payload)
        sent = {"Content-Type": "application/json", **headers}
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        connection.request(method, quote(path, safe="/?&=[]:"), body, sent)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"{}")

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._threads, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self._address, timeout=_TIMEOUT_S)
            self._threads.connection = connection
            self._connections.append(connection)
        return connection
