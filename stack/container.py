"""The init jobs of compose.yaml that need a running server.

``python -m stack.container database`` runs in MongoDB's own network, because
the first user can only be made from there; ``broker`` runs anywhere. Both may
be repeated.
"""

import argparse
from pathlib import Path
from typing import Final

from stack import mongodb
from stack.migrate import migrate_all
from stack.principals import OPERATOR
from stack.secrets import mongo_passwords
from stack.topology import declare

__all__ = ["main"]

_SECRETS: Final = Path("/secrets")


def main() -> None:
    """Bring the server to the shape that the code declares."""
    parser = argparse.ArgumentParser(prog="python -m stack.container")
    parser.add_argument("server", choices=("database", "broker"))
    parser.add_argument("--member", default="mongodb:27017", metavar="HOST:PORT")
    given = parser.parse_args()
    if given.server == "broker":
        declare((_SECRETS / OPERATOR / "amqp_uri").read_text().strip())
    else:
        _set_database_up(given.member)


def _set_database_up(member: str) -> None:
    server = mongodb.Server(
        address="127.0.0.1:27017",
        member=member,
        root_password=(_SECRETS / "mongodb" / "root_password").read_text(),
        operator_password=(_SECRETS / OPERATOR / "mongo_password").read_text(),
    )
    mongodb.initialize(server)
    operator_uri = (_SECRETS / OPERATOR / "mongo_uri").read_text().strip()
    migrate_all(operator_uri, mongo_passwords(_SECRETS), print)


if __name__ == "__main__":
    main()
