"""Where svc_auth keeps what it owns."""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from chassis.context import Context
from chassis.errors import ConflictError
from chassis.fields import Field
from chassis.mongo import Collection, Document, Index, TenantRows
from chassis.outbox import OUTBOX_COLLECTIONS, PENDING_INDEX
from chassis.repository import Repository
from svc_auth.domain import Membership, Org, Person, RefreshToken

__all__ = [
    "COLLECTIONS",
    "MembershipRepository",
    "OrgRepository",
    "PersonRepository",
    "RefreshTokenRepository",
]

ORGS: Final = Collection("orgs", (PENDING_INDEX,))
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
REFRESH_TOKENS: Final = Collection(
    "refresh_tokens",
    (
        Index((("expires_at", 1),), expires_after_s=0),
        Index((("family_id", 1),)),
    ),
    is_global=True,
)
COLLECTIONS: Final = (ORGS, PEOPLE, MEMBERSHIPS, REFRESH_TOKENS, *OUTBOX_COLLECTIONS)


class OrgRepository(Repository[Org]):
    """Organizations; each is its own tenant."""

    collection = ORGS
    noun = "org"
    resource = "org"
    fields: ClassVar[Mapping[str, Field]] = {}
    entity = Org


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


class RefreshTokenRepository:
    """Refresh tokens by hash; the tokens themselves are nowhere."""

    def __init__(self, database: Database[Document], _context: Context) -> None:
        self._rows = database[REFRESH_TOKENS.name]

    def add(self, token: str, record: RefreshToken) -> None:
        """Remember a token that is about to be handed out."""
        self._rows.insert_one(
            {
                "_id": _hash(token),
                "schema_version": 1,
                "person_id": record.person_id,
                "org_id": record.org_id,
                "family_id": record.family_id,
                "expires_at": record.expires_at,
                "is_spent": record.is_spent,
            }
        )

    def spend(self, token: str) -> RefreshToken | None:
        """Mark a token as used; the record as it was before, if there is one.

        Of two who spend the same token at once, one sees ``is_spent``.
        """
        document: Any = self._rows.find_one_and_update(
            {"_id": _hash(token)},
            {"$set": {"is_spent": True}},
            return_document=ReturnDocument.BEFORE,
        )
        if document is None:
            return None
        return RefreshToken(
            person_id=document["person_id"],
            org_id=document["org_id"],
            family_id=document["family_id"],
            expires_at=document["expires_at"],
            is_spent=document["is_spent"],
        )

    def revoke_family(self, family_id: str) -> None:
        """End a login: none of its tokens is good any more."""
        self._rows.delete_many({"family_id": family_id})


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
