"""Brings a service's database to the shape that its code declares.

Run by the operator, never by the service: the runtime user that is made here
may read and write the declared collections, append to the append-only ones,
and alter nothing. Running it again changes nothing. On a server of somebody
else's, who gave one user for all, users and roles are left alone.
"""

from collections.abc import Sequence
from typing import Any, Final

from pymongo import MongoClient
from pymongo.database import Database

from chassis.indexing import drop_undeclared, make_declared
from chassis.mongo import Collection, Document
from chassis.refreshing import refresh
from chassis.repository import Repository

__all__ = ["migrate"]

_READ: Final = ("find", "collStats", "indexStats")

Rights = dict[str, frozenset[str]]


def migrate(
    client: MongoClient[Document],
    service: str,
    runtime_password: str | None,
    collections: Sequence[Collection],
    repositories: Sequence[type[Repository[Any]]] = (),
) -> list[str]:
    """Make collections, indexes, and the service's own user with least rights.

    Records of an older shape get what is stored beside their values today.

    Args:
        client: Connected as the operator.
        service: The service's name; its database is ``rapport_<service>``.
        runtime_password: The password that its user has from now on; None to
            make no user and no role, and to change none that are there.
        collections: Everything that the service's repositories declare.
        repositories: Of the records whose shape has a version.

    Returns:
        The indexes that were dropped, as ``<collection>.<name>``.

    Raises:
        PyMongoError: The database refuses, for example because rows are in
            the way of a unique index.
    """
    database = client[f"rapport_{service}"]
    present = set(database.list_collection_names())
    for collection in collections:
        if collection.name not in present:
            database.create_collection(collection.name)
        make_declared(database, collection)
    for repository in repositories:
        refresh(database, repository)
    # Last: until here everything is there that either version looks things up in.
    dropped = [
        f"{collection.name}.{name}"
        for collection in collections
        for name in drop_undeclared(database, collection)
    ]
    if runtime_password is not None:
        _make_role(database, _rights(collections))
        _make_user(database, service, runtime_password)
    return dropped


def _rights(collections: Sequence[Collection]) -> Rights:
    """What the runtime user may do, by collection."""
    rights: Rights = {}
    for collection in collections:
        changing = () if collection.is_append_only else ("update", "remove")
        rights[collection.name] = frozenset({*_READ, "insert", *changing})
    return rights


def _privileges(database: Database[Document], rights: Rights) -> list[Document]:
    return [
        {
            "resource": {"db": database.name, "collection": name},
            "actions": sorted(actions),
        }
        for name, actions in rights.items()
        if actions
    ]


def _make_role(database: Database[Document], wanted: Rights) -> None:
    """Bring the role ``runtime`` to what is wanted.

    Not by ``updateRole``, which only a user of power over every database may
    call; granting and revoking needs power over this one.
    """
    found = database.command({"rolesInfo": "runtime", "showPrivileges": True})["roles"]
    if not found:
        database.command(
            "createRole", "runtime", privileges=_privileges(database, wanted), roles=[]
        )
        return
    held: Rights = {
        each["resource"]["collection"]: frozenset(each["actions"])
        for each in found[0]["privileges"]
    }
    for command, more, less in (
        ("grantPrivilegesToRole", wanted, held),
        ("revokePrivilegesFromRole", held, wanted),
    ):
        difference = {
            name: actions - less.get(name, frozenset())
            for name, actions in more.items()
        }
        if privileges := _privileges(database, difference):
            database.command(command, "runtime", privileges=privileges)


def _make_user(database: Database[Document], name: str, password: str) -> None:
    """Make the user, or see to it that it has the password and the role."""
    if database.command("usersInfo", name)["users"]:
        database.command("updateUser", name, pwd=password)
        database.command("grantRolesToUser", name, roles=["runtime"])
    else:
        database.command("createUser", name, pwd=password, roles=["runtime"])
