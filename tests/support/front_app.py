"""A WSGI application for trying the worker: what it was sent, and long answers."""

import json
import threading

_NEVER = threading.Event()


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/nap":
        # As long as a request that is under way when its worker has to stop.
        _NEVER.wait(1)
    body = b"" if path == "/deaf" else environ["wsgi.input"].read()
    told = {
        "path": path,
        "body": body.decode("latin-1"),
        "threads": sum(
            each.name.startswith("ThreadPoolExecutor") for each in threading.enumerate()
        ),
    }
    pieces = [json.dumps(told).encode()]
    if path == "/long":
        pieces = [b"a" * 65_536] * 64
    length = sum(len(piece) for piece in pieces)
    start_response("200 OK", [("Content-Length", str(length))])
    return pieces
