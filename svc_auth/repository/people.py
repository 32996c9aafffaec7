"""Where people and their memberships are kept."""

from typing import Final

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from chassis.context import Context
from chassis.errors import ConflictError
from chassis.mongo import Collection, Document, Index
from chassis.rows import TenantRows
from svc_auth.domain.people import Membership, Person

__all__ = ["MEMBERSHIPS", "PEOPLE", "MembershipRepository", "PersonRepository"]

PEOPLE: Final = Collection(
    "people", (Index((("email_key", 1),), is_unique=True),), is_global=True
)
MEMBERSHIPS: Final = Collection(
    "memberships",
    (
        Index((("org_id", 1), ("person_id", 1)), is_unique=True),
        Index((("person_id", 1),)),
    ),
)


class PersonRepository:
    """People, who are global: one address, one person."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = database[PEOPLE.name]
        self._context = context

    def find(self, person_id: str) -> Person | None:
        """The person of that id, if any."""
        return self._restore(self._rows.find_one({"_id": person_id}))

    def find_by_email(self, email: str) -> Person | None:
        """The person who logs in with that address, in whatever case."""
        return self._restore(self._rows.find_one({"email_key": email.casefold()}))

    def add(self, person: Person) -> None:
        """Store a new person.

        Raises:
            ConflictError: ``email_taken``.
        """
        document = {
            "_id": person.id,
            "schema_version": 1,
            "name": person.name,
            "email": person.email,
            "email_key": person.email.casefold(),
            "password_hash": person.password_hash,
            "created_at": person.created_at,
        }
        try:
            self._rows.insert_one(document, session=self._context.session)
        except DuplicateKeyError:
            raise ConflictError(
                "email_taken", "Somebody is registered with this address."
            ) from None

    def replace_hash(self, person: Person, password_hash: str) -> None:
        """Keep the same password by another hash, unless it is another by now."""
        self._rows.update_one(
            {"_id": person.id, "password_hash": person.password_hash},
            {"$set": {"password_hash": password_hash}},
        )

    @staticmethod
    def _restore(document: Document | None) -> Person | None:
        if document is None:
            return None
        return Person(
            id=document["_id"],
            name=document["name"],
            email=document["email"],
            password_hash=document["password_hash"],
            created_at=document["created_at"],
        )


class MembershipRepository:
    """Who belongs to which organization."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._database = database
        self._context = context

    def add(self, membership: Membership) -> None:
        """Store a new membership, in the organization of the context."""
        TenantRows(self._database[MEMBERSHIPS.name], self._context).insert(
            {
                "schema_version": 1,
                "person_id": membership.person_id,
                "roles": list(membership.roles),
            }
        )

    def find(self, person_id: str) -> Membership | None:
        """The person's membership in the organization of the context."""
        rows = TenantRows(self._database[MEMBERSHIPS.name], self._context)
        return self._restore(rows.find_one({"person_id": person_id}))

    def find_first(self, person_id: str) -> Membership | None:
        """The person's oldest membership, in whichever organization."""
        rows = self._database[MEMBERSHIPS.name]
        return self._restore(rows.find_one({"person_id": person_id}, sort=[("_id", 1)]))

    @staticmethod
    def _restore(document: Document | None) -> Membership | None:
        if document is None:
            return None
        return Membership(
            person_id=document["person_id"],
            org_id=document["org_id"],
            roles=tuple(document["roles"]),
        )
