r"""Everything secret, made once per stack; nothing of it has a default.

Each principal has a directory of its own, which is all that its processes can
read. The servers have one each, too. ``./crm up`` keeps them in the state
directory; compose.yaml's init job runs this module on one volume per
principal::

    python -m stack.secrets /secrets --amqp rabbitmq:5672 --mongodb mongodb:27017 \
        --redis redis:6379 --redis-state redis-state:6379 \
        --owner 10001:10001 --owner rabbitmq=999:999 --owner mongodb=999:999
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from stack.principals import PRINCIPALS, SERVICES, VIRTUAL_HOST, Principal
from stack.private_files import make_once, write_json, write_private
from stack.redis import render_common

__all__ = [
    "Addresses",
    "broker_users",
    "hash_broker_password",
    "make_material",
    "mongo_passwords",
    "render_definitions",
    "render_uris",
    "service_database_uri",
]

_COORDINATE_BYTES: Final = 32
_SALT_BYTES: Final = 4


@dataclass(frozen=True)
class Addresses:
    """Where the servers are: ``host:port`` of ours, or the URI of somebody else's.

    Whole URIs (``amqp_uri``, ``mongo_uri``, ``redis_url``) are given for
    servers that we did not start: every principal then uses their credentials.
    """

    amqp: str = ""
    mongodb: str = ""
    redis: str = ""
    redis_state: str = ""
    amqp_uri: str = ""
    mongo_uri: str = ""
    redis_url: str = ""


def make_material(directory: Path) -> None:
    """Make the keys and passwords that are missing; those there stay.

    Calling it after a run that was cut short completes what is missing.
    """
    for principal in PRINCIPALS.values():
        _make_principal(directory / principal.name, principal)
    make_once(directory / "rabbitmq" / "erlang_cookie", secrets.token_hex(20))
    make_once(directory / "mongodb" / "keyfile", secrets.token_hex(64))
    make_once(directory / "mongodb" / "root_password", secrets.token_hex(20))
    for server in ("redis", "redis-state"):
        password = make_once(directory / server / "password", secrets.token_hex(20))
        write_private(
            directory / server / "redis.conf", render_common(server, password)
        )
    _publish_keys(directory)


def _make_principal(directory: Path, principal: Principal) -> None:
    make_once(directory / "amqp_password", secrets.token_hex(20))
    if principal.database is not None:
        make_once(directory / "mongo_password", secrets.token_hex(20))
    if principal.grants is not None:
        make_once(directory / "signing_key.pem", _new_signing_key())
    if principal.has_vault_key:
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        make_once(directory / "vault_key", key)


def _new_signing_key() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    )


def _publish_keys(directory: Path) -> None:
    keys = [
        _public_jwk(directory / principal.name / "signing_key.pem", principal)
        for principal in PRINCIPALS.values()
        if principal.grants is not None
    ]
    for name in PRINCIPALS:
        write_json(directory / name / "jwks.json", {"keys": keys})


def _public_jwk(path: Path, principal: Principal) -> dict[str, Any]:
    private = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic-curve key.")
    numbers = private.public_key().public_numbers()
    jwk = {
        "crv": "P-256",
        "kty": "EC",
        "x": _coordinate(numbers.x),
        "y": _coordinate(numbers.y),
    }
    return {
        **jwk,
        "kid": f"{principal.name}-{jwk_thumbprint(jwk)[:8]}",
        "alg": "ES256",
        "use": "sig",
        "rapport_issuer": principal.name,
        "rapport_grants": list(principal.grants or ()),
    }


def _coordinate(value: int) -> str:
    octets = value.to_bytes(_COORDINATE_BYTES, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def jwk_thumbprint(jwk: Mapping[str, str]) -> str:
    """The SHA-256 thumbprint of RFC 7638 §3, in hex."""
    text = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def render_uris(directory: Path, addresses: Addresses) -> None:
    """Write each principal's connection strings, which hold today's ports."""
    for principal in PRINCIPALS.values():
        own = directory / principal.name
        write_private(own / "amqp_uri", _amqp_uri(own, principal, addresses))
        if principal.database is not None:
            write_private(own / "mongo_uri", _mongo_uri(own, principal, addresses))
        for name, server, address in (
            ("redis_cache_url", "redis", addresses.redis),
            ("redis_state_url", "redis-state", addresses.redis_state),
        ):
            password = (directory / server / "password").read_text()
            ours = f"redis://:{password}@{address}/0"
            write_private(own / name, addresses.redis_url or ours)


def _amqp_uri(directory: Path, principal: Principal, addresses: Addresses) -> str:
    if addresses.amqp_uri:
        return addresses.amqp_uri
    password = (directory / "amqp_password").read_text()
    return f"pyamqp://{principal.name}:{password}@{addresses.amqp}/{VIRTUAL_HOST}"


def _mongo_uri(directory: Path, principal: Principal, addresses: Addresses) -> str:
    database = str(principal.database)
    if addresses.mongo_uri:
        return service_database_uri(addresses.mongo_uri, database)
    password = (directory / "mongo_password").read_text()
    return (
        f"mongodb://{principal.name}:{password}@{addresses.mongodb}/{database}"
        f"?replicaSet=rs0&authSource={database}"
    )


def service_database_uri(uri: str, database: str) -> str:
    """The same server and credentials, but another default database.

    Somebody else's server keeps its one user where it was: the source of
    the credentials is named outright, since it would else follow the database.
    """
    parts = urlsplit(uri)
    query = parts.query
    if parts.username and "authSource=" not in query:
        source = parts.path.strip("/") or "admin"
        query = f"{query}&authSource={source}".lstrip("&")
    return urlunsplit(parts._replace(path=f"/{database}", query=query))


def mongo_passwords(directory: Path) -> dict[str, str]:
    """The password of each service's runtime user, for the migration."""
    return {
        service: (directory / service / "mongo_password").read_text()
        for service in SERVICES
    }


def hash_broker_password(password: str, salt: bytes) -> str:
    """RabbitMQ's ``rabbit_password_hashing_sha256``: base64 of salt and digest."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode()


def broker_users(directory: Path) -> list[dict[str, Any]]:
    """The ``users`` of RabbitMQ's definitions, with hashed passwords."""
    return [
        {
            "name": principal.name,
            "password_hash": hash_broker_password(
                (directory / principal.name / "amqp_password").read_text(),
                secrets.token_bytes(_SALT_BYTES),
            ),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": list(principal.broker_tags),
        }
        for principal in PRINCIPALS.values()
    ]


def render_definitions(directory: Path, common: Path, target: Path) -> None:
    """Add the users to the committed topology and rights, for the broker's boot."""
    definitions = json.loads(common.read_text())
    definitions["users"] = broker_users(directory)
    write_json(target, definitions)


def _change_owners(directory: Path, owners: Iterable[str]) -> None:
    """Give directories to their users: ``uid:gid`` for all, ``name=uid:gid`` for one.

    Later ones win.
    """
    for owner in owners:
        name, _, identity = owner.rpartition("=")
        uid, _, gid = identity.partition(":")
        for own in [directory / name] if name else sorted(directory.iterdir()):
            for path in (own, *own.iterdir()):
                os.chown(path, int(uid), int(gid))
            own.chmod(0o700)


def main(arguments: list[str] | None = None) -> None:
    """Fill the volumes of compose.yaml's init job."""
    parser = argparse.ArgumentParser(prog="python -m stack.secrets")
    parser.add_argument("directory", type=Path)
    for server in ("amqp", "mongodb", "redis", "redis-state"):
        parser.add_argument(f"--{server}", required=True, metavar="HOST:PORT")
    parser.add_argument("--definitions", type=Path, metavar="COMMITTED")
    parser.add_argument("--owner", action="append", default=[])
    given = parser.parse_args(arguments)
    make_material(given.directory)
    render_uris(
        given.directory,
        Addresses(given.amqp, given.mongodb, given.redis, given.redis_state),
    )
    if given.definitions is not None:
        render_definitions(
            given.directory,
            given.definitions,
            given.directory / "rabbitmq" / "definitions.json",
        )
    _change_owners(given.directory, given.owner)


if __name__ == "__main__":
    main()
