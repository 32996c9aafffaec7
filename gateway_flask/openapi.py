"""Files that every process keeps in memory: the description and its pages.

The description is written by ``python -m stack.openapi``; the page is Swagger UI,
whose files come with a package, so that nothing is fetched from elsewhere.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import orjson
from flask import Response, request

__all__ = ["asset", "described", "description", "kept_page", "page"]

_ASSETS: Final[Mapping[str, tuple[str, str]]] = {
    "favicon-32x32.png": ("flask_swagger_ui", "dist"),
    "page.css": ("gateway_flask", "docs"),
    "start.js": ("gateway_flask", "docs"),
    "swagger-ui-bundle.js": ("flask_swagger_ui", "dist"),
    "swagger-ui.css": ("flask_swagger_ui", "dist"),
}
_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
}
_PAGE_LIFETIME_S: Final = 86_400
# Swagger UI's icons are data: URLs inside its style sheet.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class _File:
    content_type: str
    plain: bytes
    packed: bytes
    digest: str

    def answer(self) -> Response:
        """The file, packed if the client takes that, or 304 if it has it."""
        is_packed = request.accept_encodings["gzip"] > 0
        tag = f'"{self.digest}{"-gzip" if is_packed else ""}"'
        headers = {"ETag": tag, "Vary": "Accept-Encoding"}
        given = request.environ.get("HTTP_IF_NONE_MATCH", "")
        known = [each.strip().removeprefix("W/") for each in given.split(",")]
        if tag in known:
            return Response(status=304, headers=headers)
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        body = self.packed if is_packed else self.plain
        return Response(body, headers=headers, content_type=self.content_type)


def description() -> Response:
    """The description of the interface; a client asks each time if it is new."""
    response = _json().answer()
    response.headers["Cache-Control"] = "no-cache"
    return response


def page() -> Response:
    """The page that shows it."""
    response = _file("gateway_flask", "docs", "index.html").answer()
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@cache
def described() -> dict[str, Any]:
    """The description, to look into."""
    written = (resources.files("gateway_flask") / "openapi.json").read_bytes()
    document: dict[str, Any] = orjson.loads(written)
    return document


def kept_page(text: str) -> Response:
    """A page that says the same until the description changes."""
    response = _packed_page(text).answer()
    response.headers["Cache-Control"] = "no-cache"
    return response


def asset(name: str) -> Response | None:
    """A file that the page needs, or None."""
    if name not in _ASSETS:
        return None
    response = _file(*_ASSETS[name], name).answer()
    response.headers["Cache-Control"] = f"public, max-age={_PAGE_LIFETIME_S}"
    return response


@cache
def _json() -> _File:
    return _packed("json", orjson.dumps(described()))


@cache
def _packed_page(text: str) -> _File:
    return _packed("html", text.encode())


@cache
def _file(package: str, folder: str, name: str) -> _File:
    plain = (resources.files(package) / folder / name).read_bytes()
    return _packed(name.rpartition(".")[2], plain)


def _packed(kind: str, plain: bytes) -> _File:
    digest = hashlib.sha256(plain).hexdigest()[:32]
    return _File(_TYPES[kind], plain, gzip.compress(plain, mtime=0), digest)
