"""The description of this interface, and a page to read and try it."""

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from gateway_flask import openapi, reference
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


@docs.get("/docs/reference")
@public
def get_reference() -> Response:
    """Every operation by resource, for readers without JavaScript.

    Returns:
        ``text/html``, with an ``ETag``.
    """
    return reference.overview()


@docs.get("/docs/reference/<resource>")
@public
def get_resource_reference(resource: str) -> Response:
    """What can be done with a resource; of ``schemas`` what all are like.

    Returns:
        ``text/html``, with an ``ETag``.

    Raises:
        NotFound: ``not_found``.
    """
    response = reference.of_resource(resource)
    if response is None:
        raise NotFound
    return response


@docs.get("/problems")
@public
def get_problems() -> Response:
    """Every problem that an answer may tell of.

    Returns:
        ``text/html``, with an ``ETag``.
    """
    return reference.of_problems()


@docs.get("/problems/<code>")
@public
def get_problem(code: str) -> Response:
    """What a problem means; its ``type`` leads here.

    Returns:
        ``text/html``, with an ``ETag``.

    Raises:
        NotFound: ``not_found``.
    """
    response = reference.of_problem(code)
    if response is None:
        raise NotFound
    return response


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
