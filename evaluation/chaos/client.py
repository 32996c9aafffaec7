"""One HTTP connection to the gateway, and what came of each request."""

import http.client
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

from evaluation.chaos.writes import Answer

__all__ = ["Client"]

_READ_TIMEOUT_S: Final = 10.0


class Client:
    """Sends requests one after the other; of one thread.

    Attributes:
        token: The caller's, once there is one.
    """

    def __init__(self, gateway: str, token: str = "") -> None:
        self._address = urlsplit(gateway).netloc
        self._connection: http.client.HTTPConnection | None = None
        self.token = token

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str) -> Answer:
        """Read something."""
        return self.send("GET", path, timeout_s=_READ_TIMEOUT_S)

    def send(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None = None,
        *,
        key: str = "",
        timeout_s: float,
    ) -> Answer:
        """Try once, for so long; whatever happens is the answer."""
        started = time.monotonic()
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = None if payload is None else json.dumps(payload)
        try:
            connection = self._connected(timeout_s)
            connection.request(method, quote(path, safe="/?&=[]:"), body, headers)
            response = connection.getresponse()
            text = response.read()
        except TimeoutError:
            return self._failed("silent", "", started)
        except ConnectionRefusedError:
            return self._failed("refused", "", started)
        except (OSError, http.client.HTTPException) as error:
            return self._failed("closed", type(error).__name__, started)
        return _answer(response, text, time.monotonic() - started)

    def _connected(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address)
        # For the next connection, and for the one that there may be.
        self._connection.timeout = timeout_s
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)
        return self._connection

    def _failed(self, status: str, code: str, started: float) -> Answer:
        self.close()
        return Answer(status, code, time.monotonic() - started, "")


def _answer(response: http.client.HTTPResponse, text: bytes, took_s: float) -> Answer:
    try:
        document = json.loads(text or b"{}")
    except ValueError:
        document = {}
    is_problem = response.status >= HTTPStatus.BAD_REQUEST
    waiting = response.headers.get("Retry-After", "")
    return Answer(
        status=str(response.status),
        code=str(document.get("code", "")) if is_problem else "",
        took_s=took_s,
        request_id=response.headers.get("X-Request-ID", ""),
        is_replayed=response.headers.get("Idempotency-Replayed") == "true",
        document=document,
        retry_after_s=float(waiting) if waiting.isdigit() else 0.0,
    )
