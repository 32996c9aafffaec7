"""Brings every service's database to the shape that its code declares."""

import importlib
from collections.abc import Callable, Mapping

from chassis.migrate import migrate
from chassis.mongo import connect

__all__ = ["migrate_all"]


def migrate_all(
    operator_mongo_uri: str,
    passwords: Mapping[str, str | None],
    say: Callable[[str], None],
) -> None:
    """Migrate all services; running it again changes nothing.

    Args:
        operator_mongo_uri: A user who may administer every database.
        passwords: The password of each service's own user, by service; None
            where the service comes with the operator's credentials instead.
        say: Hears which indexes were dropped, because nothing declares them.

    Raises:
        PyMongoError: A database refuses.
    """
    with connect(operator_mongo_uri, "migrate") as client:
        for service, password in passwords.items():
            repository = importlib.import_module(f"svc_{service}.repository")
            records = getattr(repository, "REPOSITORIES", ())
            for name in migrate(
                client, service, password, repository.COLLECTIONS, records
            ):
                say(f"dropped the undeclared index {service}.{name}")
            for upgrade in getattr(repository, "UPGRADES", ()):
                upgrade(client[f"rapport_{service}"])
