"""A service as Nameko alone makes it: ``python -m evaluation.bench.services.stock``.

What ``nameko run`` does, without its command line: the world patched, the
default settings, the stock entrypoint.
"""

# ruff: noqa: E402 - the world is patched before anything else is imported
import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

import eventlet

eventlet.monkey_patch()

import os
import signal
from typing import Any

from nameko.extensions import DependencyProvider
from nameko.rpc import rpc
from nameko.runners import ServiceRunner
from pymongo import MongoClient

from evaluation.bench.documents import COLLECTION, DATABASE, new_document

__all__ = ["StockService", "main"]


class Documents(DependencyProvider):  # type: ignore[misc]
    """Injects the collection."""

    def setup(self) -> None:
        """One client per process, with the options of all paths."""
        self._client: MongoClient[dict[str, Any]] = MongoClient(
            os.environ["MONGO_URI"], w="majority", maxPoolSize=64
        )

    def stop(self) -> None:
        """Close every connection."""
        self._client.close()

    def get_dependency(self, _worker_ctx: Any) -> Any:
        """The same for every worker."""
        return self._client[DATABASE][COLLECTION]


class StockService:
    """The same three operations as the other paths."""

    name = "stock"

    documents: Any = Documents()

    @rpc  # type: ignore[untyped-decorator]
    def echo(self, value: Any) -> Any:
        """Give back what came."""
        return value

    @rpc  # type: ignore[untyped-decorator]
    def read_document(self, document_id: str) -> Any:
        """Read one document."""
        return self.documents.find_one({"_id": document_id})

    @rpc  # type: ignore[untyped-decorator]
    def write_document(self, content: dict[str, Any]) -> Any:
        """Write one document."""
        document = new_document(content)
        self.documents.insert_one(document)
        return document["_id"]


def main() -> None:
    """Serve until told to stop."""
    runner = ServiceRunner({"AMQP_URI": os.environ["AMQP_URI"]})
    runner.add_service(StockService)
    runner.start()
    signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn_n(runner.stop))
    runner.wait()


if __name__ == "__main__":
    main()
