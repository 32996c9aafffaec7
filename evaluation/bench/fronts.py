"""The three front doors: one Flask application over three ways to the database.

``gunicorn "evaluation.bench.fronts:create_app('stock')"``. The same routes
and the same encoding for all, so that only the way behind them differs.
"""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import orjson
from flask import Flask, Response, request

__all__ = ["create_app"]

_TIMEOUT_S: Final = 30.0
_CREATED: Final = 201
_MOST_THREADS: Final = 64


class Backend(Protocol):
    """What lies behind a front."""

    def echo(self, value: str) -> Any:
        """Give back ``value``."""

    def read(self, document_id: str) -> Any:
        """One document."""

    def write(self, content: dict[str, Any]) -> Any:
        """The id of a new document."""


class InProcess:
    """No bus: the driver in the front's own process."""

    def __init__(self) -> None:
        from pymongo import MongoClient  # noqa: PLC0415 - other fronts do without

        from evaluation.bench.documents import COLLECTION, DATABASE  # noqa: PLC0415

        client: MongoClient[dict[str, Any]] = MongoClient(
            os.environ["MONGO_URI"], w="majority", maxPoolSize=64
        )
        self._documents = client[DATABASE][COLLECTION]

    def echo(self, value: str) -> Any:
        """Give back ``value``."""
        return value

    def read(self, document_id: str) -> Any:
        """One ``find_one``."""
        return self._documents.find_one({"_id": document_id})

    def write(self, content: dict[str, Any]) -> Any:
        """One ``insert_one``."""
        from evaluation.bench.documents import new_document  # noqa: PLC0415

        document = new_document(content)
        self._documents.insert_one(document)
        return document["_id"]


class Stock:
    """Nameko's own client: one proxy per thread, which is as many as it can use."""

    def __init__(self) -> None:
        import kombu.pools  # noqa: PLC0415 - other fronts do without

        # Its ten pooled connections would make most threads wait.
        kombu.pools.set_limit(_MOST_THREADS)
        self._config = {"AMQP_URI": os.environ["AMQP_URI"]}
        self._local = threading.local()

    def _service(self) -> Any:
        from nameko.standalone.rpc import ClusterRpcProxy  # noqa: PLC0415

        proxy = getattr(self._local, "proxy", None)
        if proxy is None:
            proxy = self._local.proxy = ClusterRpcProxy(self._config).start()
        return proxy.stock

    def echo(self, value: str) -> Any:
        """One call."""
        return self._service().echo(value)

    def read(self, document_id: str) -> Any:
        """One call."""
        return self._service().read_document(document_id)

    def write(self, content: dict[str, Any]) -> Any:
        """One call."""
        return self._service().write_document(content)


class Ours:
    """The gateway's client, one per process."""

    def __init__(self, writes_to: str = "bare") -> None:
        from chassis.rpc_client import RpcClient  # noqa: PLC0415

        self._writes_to = writes_to
        self._client = RpcClient(os.environ["AMQP_URI"], "bench")

    def _call(self, service: str, method: str, **kwargs: Any) -> Any:
        return self._client.call(
            service, method, kwargs=kwargs, context={}, timeout_s=_TIMEOUT_S
        ).result

    def echo(self, value: str) -> Any:
        """One call."""
        return self._call("bare", "echo", value=value)

    def read(self, document_id: str) -> Any:
        """One call."""
        return self._call("bare", "read_document", document_id=document_id)

    def write(self, content: dict[str, Any]) -> Any:
        """One call."""
        return self._call(self._writes_to, "write_document", content=content)


_BACKENDS: Final[Mapping[str, Callable[[], Backend]]] = {
    "flask": InProcess,
    "stock": Stock,
    "ours": Ours,
    "outbox": lambda: Ours("outbox"),
}


def create_app(name: str) -> Flask:
    """The application over one backend: ``flask``, ``stock``, ``ours``, ``outbox``."""
    app = Flask(__name__)
    backend = _BACKENDS[name]()

    @app.get("/health")
    def health() -> Response:
        return _answer("ok")

    @app.get("/echo/<value>")
    def echo(value: str) -> Response:
        return _answer(backend.echo(value))

    @app.get("/documents/<document_id>")
    def read(document_id: str) -> Response:
        return _answer(backend.read(document_id))

    @app.post("/documents")
    def write() -> Response:
        return _answer(backend.write(orjson.loads(request.get_data())), _CREATED)

    return app


def _answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, mimetype="application/json")
