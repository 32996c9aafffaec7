"""What is known of a request before anything is asked of it."""

import ipaddress
import re
import secrets
import time
from typing import Final

from flask import Request, g

from chassis.ids import new_id

__all__ = ["begin_request", "client_address", "is_secure", "is_traceparent"]

_REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


def begin_request(request: Request, trusted_proxies: int) -> None:
    """Note when the request began, its ids and where it comes from."""
    g.started = time.monotonic()
    g.caller = None
    g.token = None
    g.is_replayed = False
    g.effects = []
    given = request.environ.get("HTTP_X_REQUEST_ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else new_id()
    trace = request.environ.get("HTTP_TRACEPARENT", "")
    g.traceparent = trace if is_traceparent(trace) else _new_traceparent()
    g.address = client_address(request, trusted_proxies)


def is_traceparent(text: str) -> bool:
    """Whether ``text`` is a W3C trace context; version 00 ends at its flags."""
    match = _TRACEPARENT.fullmatch(text)
    return match is not None and (match[1] is None or not text.startswith("00"))


def _new_traceparent() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def client_address(request: Request, trusted_proxies: int) -> str:
    """The client as our outermost trusted proxy saw it.

    Each proxy appends the address it was called from to ``X-Forwarded-For``;
    what stands further left than our own proxies wrote may be invented.
    """
    peer: str = request.environ.get("REMOTE_ADDR", "")
    if trusted_proxies < 1:
        return peer
    hops = request.environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    chain = [hop.strip() for hop in hops if hop.strip()]
    if not chain:
        return peer
    claimed = chain[-min(trusted_proxies, len(chain))]
    try:
        return str(ipaddress.ip_address(claimed))
    except ValueError:
        return peer


def is_secure(request: Request, trusted_proxies: int) -> bool:
    """Whether the client spoke TLS to our proxy."""
    scheme: str = request.environ.get("HTTP_X_FORWARDED_PROTO", "")
    return trusted_proxies > 0 and scheme.lower() == "https"
