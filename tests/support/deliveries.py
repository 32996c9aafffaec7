"""Requests as the broker brings them, so that a test can bring one twice."""

import json
import uuid
from contextlib import contextmanager

import pika

from chassis.ids import keyed_operation_id, new_id
from chassis.topology import RPC_EXCHANGE

__all__ = ["delivering"]


@contextmanager
def delivering(status, *, is_keyed=True, token=None):
    """``deliver("auth.login", "first", payload=…)``: the answer to a message.

    Of one name it is the same message again, as the broker delivers it when it
    has not heard that it was answered. All of them are one operation, by the
    same key of a client unless it ``is_keyed`` by none, of whoever has the token.
    """
    headers = {} if token is None else {"nameko.auth_token": token}
    operation_id = keyed_operation_id("-", "-", "x") if is_keyed else new_id()
    uri = status["amqp_uri"].removeprefix("py")
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    reply_to = str(uuid.uuid4())
    channel.queue_bind(queue, RPC_EXCHANGE, reply_to)

    def deliver(method, name, **arguments):
        properties = pika.BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            headers={**headers, "nameko.operation_id": operation_id},
            correlation_id=name,
            reply_to=reply_to,
        )
        body = json.dumps({"args": [], "kwargs": arguments})
        channel.basic_publish(RPC_EXCHANGE, method, body.encode(), properties)
        found = channel.consume(queue, auto_ack=True, inactivity_timeout=20)
        _, _, answer = next(found)
        assert answer is not None, "a request was not answered"
        return json.loads(answer)

    yield deliver
    connection.close()
