"""The linter of ``gateway_flask/openapi.json``: Redocly CLI, with Node.js.

``python -m stack.redocly gateway_flask/openapi.json`` runs it, ``redocly.yaml`` has
its rules. Both programs are pinned with their hashes, Node.js in ``node.lock`` and
Redocly CLI in ``package-lock.json``, and are fetched when they are first needed.
"""
