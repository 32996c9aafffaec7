"""One line per request: who, what, how it went; no body, token or query."""

import logging
import time
from typing import Any

from flask import Response, g, request

__all__ = ["log_request", "route_of"]

logger = logging.getLogger(__name__)


def route_of(request_: Any) -> str:
    """The route's template, so that ids do not make a label each."""
    rule = request_.url_rule
    return rule.rule if rule is not None else "unmatched"


def log_request(response: Response) -> None:
    """Log the request that ``response`` answers, unless it asked for health."""
    route = route_of(request)
    if route.startswith("/health/"):
        return
    caller = g.caller
    extra = {
        "request_id": g.request_id,
        "method": request.method[:16],
        "route": route,
        "status": response.status_code,
        "duration_ms": round((time.monotonic() - g.started) * 1_000, 1),
    }
    if caller is not None:
        extra["org_id"] = caller.org_id
        extra["principal_id"] = caller.principal_id
    if response.status_code >= 400:  # noqa: PLR2004
        extra["code"] = g.get("code", "")
    logger.info("request", extra=extra)
