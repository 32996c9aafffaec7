"""The rpc role, run by ``chassis.launcher`` like that of any service."""

from typing import Any

from pymongo.database import Database

from chassis import inject
from chassis.context import Context
from chassis.mongo import Document, Repositories
from chassis.rpc import rpc
from evaluation.bench.documents import COLLECTION, new_document

__all__ = ["BareService"]


class Documents:
    """One driver call per method."""

    def __init__(self, database: Database[Document], _context: Context) -> None:
        self._rows = database[COLLECTION]

    def read(self, document_id: str) -> Document | None:
        """One ``find_one`` by id."""
        return self._rows.find_one({"_id": document_id})

    def write(self, content: Document) -> str:
        """One ``insert_one``, acknowledged by the majority."""
        document = new_document(content)
        self._rows.insert_one(document)
        return str(document["_id"])


class BareService:
    """The same three operations as the other paths."""

    name = "bare"

    documents: Documents = inject(Repositories(Documents))

    @rpc(public=True)
    def echo(self, *, value: Any) -> Any:
        """Give back what came."""
        return value

    @rpc(public=True)
    def read_document(self, *, document_id: str) -> dict[str, Any] | None:
        """Read one document."""
        return self.documents.read(document_id)

    @rpc(public=True)
    def write_document(self, *, content: dict[str, Any]) -> str:
        """Write one document."""
        return self.documents.write(content)
