"""The front door: HTTP and JSON outside, Nameko RPC inside, nothing else.

Stateless; owns no data. It verifies tokens, applies limits, deadlines, sizes
and preconditions, and translates. What a lead is, its owner knows: one route
calls one RPC method, and the owner validates.

Reads the limits' state from Redis (``redis_state_url``), everything else from
the services over the bus. Run by ``gunicorn -c gateway_flask/gunicorn.conf.py
"gateway_flask.app:create_app()"``.
"""
