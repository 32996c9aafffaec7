"""Brings along what earlier versions stored in another way."""

from pymongo.client_session import ClientSession
from pymongo.database import Database

from chassis.context import operator_context
from chassis.ids import derive_id
from chassis.mongo import Document
from svc_auth.domain.people import new_membership
from svc_auth.repository.people import (
    MEMBERSHIPS,
    MembershipRepository,
    PersonRepository,
)

__all__ = ["memberships_become_records"]


def memberships_become_records(database: Database[Document]) -> None:
    """Give memberships an id, a version, and what they are found by.

    Cut short, or run twice at once, it makes each of them once.
    """
    for row in list(database[MEMBERSHIPS.name].find({"version": None})):
        _become_record(database, row)


def _become_record(database: Database[Document], row: Document) -> None:
    org_id, context = row["org_id"], operator_context(row["org_id"])
    person = PersonRepository(database, context).find(row["person_id"])
    if person is None:
        return
    record = new_membership(
        derive_id(org_id, f"membership:{person.id}"),
        person,
        org_id,
        row["roles"],
        person.created_at,
    )

    def replace(session: ClientSession) -> None:
        # Its id is of another kind, so that it cannot be changed in place.
        context.session = session
        is_ours = database[MEMBERSHIPS.name].delete_one(
            {"_id": row["_id"], "version": None}, session=session
        )
        if is_ours.deleted_count:
            MembershipRepository(database, context).add(record)

    with database.client.start_session() as session:
        session.with_transaction(replace)
