"""The HTTP interface's description (OpenAPI 3.1), read off the code that serves it.

``python -m stack.openapi > gateway_flask/openapi.json`` writes it down; a contract
test holds the two together. Routes, parameters and headers come from the gateway's
URL map and views, schemas from the owners' marshmallow classes, lists from the
repositories' fields, and what a docstring says under ``Args``, ``Returns`` and
``Raises`` is part of the contract: it names the schemas and the error codes.
"""
