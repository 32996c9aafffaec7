"""The gateway's own routes: health and metrics."""

from flask import Blueprint, Response, current_app, g
from werkzeug.exceptions import NotFound

from gateway_flask.auth import public
from gateway_flask.limits import limited
from gateway_flask.responses import answer

__all__ = ["system"]

system = Blueprint("system", __name__)


@system.get("/health/live")
@public
@limited("none")
def live() -> Response:
    """Whether this process answers at all.

    Returns:
        A ``LivenessView``.
    """
    return answer({"status": "ok"})


@system.get("/health/ready")
@public
@limited("none")
def ready() -> Response:
    """Whether requests should be sent here; see ``Readiness.report``.

    Returns:
        A ``ReadinessView``, with status 503 while it is ``unavailable``.
    """
    extensions = current_app.extensions
    report, is_ready = extensions["readiness"].report()
    extensions["metrics"].note_breakers(extensions["bus"].breakers())
    return answer(report, 200 if is_ready else 503)


@system.get("/metrics")
@public
@limited("none")
def metrics() -> Response:
    """Figures for Prometheus; elsewhere than allowed there is nothing here.

    Returns:
        ``text/plain`` as Prometheus reads it.

    Raises:
        NotFound: ``not_found``.
    """
    if g.address not in current_app.extensions["settings"].metrics_allow:
        raise NotFound
    text, content_type = current_app.extensions["metrics"].render()
    return Response(text, content_type=content_type)
