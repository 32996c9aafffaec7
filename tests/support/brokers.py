"""What the operator may ask of RabbitMQ's management and over AMQP."""

import base64
import http.client
import json
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlsplit

import pika


class Broker:
    """A vhost of its own on a running broker, gone when closed."""

    def __init__(self, operator_uri, management_port, vhost):
        parts = urlsplit(operator_uri)
        user, password = unquote(parts.username), unquote(parts.password)
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/json",
        }
        self._management_port = management_port
        self._vhost = quote(vhost, safe="")
        self.host, self.port = parts.hostname, parts.port
        self.uri = parts._replace(path=f"/{vhost}").geturl()
        self.ask("PUT", f"vhosts/{self._vhost}")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.ask("PUT", f"permissions/{self._vhost}/{user}", everything)

    def uri_through(self, proxy):
        """The same vhost on the other side of a proxy."""
        return self.uri.replace(
            f"@{self.host}:{self.port}/", f"@127.0.0.1:{proxy.port}/"
        )

    def ask(self, method, path, payload=None):
        """What the management API answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._management_port)
        try:
            body = None if payload is None else json.dumps(payload)
            connection.request(method, f"/api/{path}", body, self._headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        assert response.status < 300, (method, path, response.status, text)
        return json.loads(text) if text else None

    def connections(self):
        """What each connection to the vhost calls itself, by the broker's name."""
        return {
            each["name"]: each.get("user_provided_name", "")
            for each in self.ask("GET", f"vhosts/{self._vhost}/connections")
        }

    def disconnect(self, name):
        """Have the broker end a connection."""
        self.ask("DELETE", f"connections/{quote(name, safe='')}")

    def channels(self, client):
        """How many channels each connection has that calls itself ``client``."""
        return [
            len(self.ask("GET", f"connections/{quote(name, safe='')}/channels"))
            for name, given in self.connections().items()
            if given == client
        ]

    def consumers(self):
        """The connection that consumes each queue, as far as any does."""
        return {
            each["queue"]["name"]: each["channel_details"]["connection_name"]
            for each in self.ask("GET", f"consumers/{self._vhost}")
            if each["channel_details"]
        }

    @contextmanager
    def channel(self):
        """A channel on a connection of its own."""
        parts = urlsplit(self.uri)
        credentials = pika.PlainCredentials(
            unquote(parts.username), unquote(parts.password)
        )
        connection = pika.BlockingConnection(
            pika.ConnectionParameters(self.host, self.port, parts.path[1:], credentials)
        )
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()

    def waiting(self, queue):
        """How many messages are ready for delivery."""
        with self.channel() as channel:
            return channel.queue_declare(queue, passive=True).method.message_count

    def publish(self, exchange, routing_key, *bodies, **properties):
        """Publish all of them or fail; a body is bytes or what becomes JSON."""
        properties = {"content_type": "application/json", **properties}
        with self.channel() as channel:
            channel.tx_select()
            for body in bodies:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                channel.basic_publish(
                    exchange,
                    routing_key,
                    data,
                    pika.BasicProperties(**properties),
                )
            channel.tx_commit()

    def take(self, queue):
        """Take every message out: ``(headers, body)``."""
        taken = []
        with self.channel() as channel:
            while True:
                _, properties, body = channel.basic_get(queue, auto_ack=True)
                if body is None:
                    return taken
                taken.append((properties.headers or {}, body))

    def close(self):
        """Remove the vhost with everything in it."""
        self.ask("DELETE", f"vhosts/{self._vhost}")
