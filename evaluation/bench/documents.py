"""The document that every path reads and writes, and where it lies."""

import uuid
from typing import Any, Final

__all__ = [
    "COLLECTION",
    "DATABASE",
    "DOCUMENT_COUNT",
    "document_id",
    "new_document",
    "sample",
]

DATABASE: Final = "rapport_bare"
COLLECTION: Final = "documents"
DOCUMENT_COUNT: Final = 1_000
_SAMPLE: Final[dict[str, Any]] = {
    "name": "Grace Hopper",
    "email": "grace.hopper@example.org",
    "phone": "+1 555 0100",
    "address": {"street": "1 Harbor Road", "city": "Arlington", "country": "US"},
    "tags": ["navy", "compiler", "newsletter"],
    "status": "active",
    "amount": "1250.00",
    "currency": "USD",
    "created_at": "2024-02-29T12:00:00.000Z",
    "note": "Asked for a quote on the yearly plan; call back after the fair. " * 3,
}


def document_id(number: int) -> str:
    """The id of one of the documents that are there to be read."""
    return f"document-{number:05d}"


def sample() -> dict[str, Any]:
    """The content of a document: about 600 bytes of JSON primitives."""
    return dict(_SAMPLE)


def new_document(content: dict[str, Any]) -> dict[str, Any]:
    """A document to insert, under an id of its own."""
    return {**content, "_id": uuid.uuid4().hex}
