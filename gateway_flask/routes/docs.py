"""The description of this interface, and a page to read and try it."""

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from gateway_flask import openapi
from gateway_flask.auth import public

__all__ = ["docs"]

docs = Blueprint("docs", __name__)


@docs.get("/openapi.json")
@public
def get_description() -> Response:
    """This description (OpenAPI 3.1).

    Returns:
        ``application/json``, with an ``ETag``.
    """
    return openapi.description()


@docs.get("/docs")
@public
def get_page() -> Response:
    """A page to read this description, and to try what it describes.

    Returns:
        ``text/html``, with an ``ETag``.
    """
    return openapi.page()


@docs.get("/docs/assets/<name>")
@public
def get_asset(name: str) -> Response:
    """A file that the page needs.

    Returns:
        ``text/css``, ``text/javascript`` or ``image/png``, with an ``ETag``.

    Raises:
        NotFound: ``not_found``.
    """
    response = openapi.asset(name)
    if response is None:
        raise NotFound
    return response
