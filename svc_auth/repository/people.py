"""Where people and their memberships are kept."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from chassis.context import Context
from chassis.errors import ConflictError
from chassis.event_log import PENDING_INDEX
from chassis.fields import Field
from chassis.mailboxes import address_key
from chassis.mongo import Collection, Document, Index, by
from chassis.repository import Repository
from svc_auth.domain.people import Membership, Person

__all__ = [
    "MEMBERSHIPS",
    "MOST_ORGS",
    "PEOPLE",
    "AnyMembershipRepository",
    "MembershipRepository",
    "MembershipsOfPeople",
    "PersonRepository",
]

# Of one person; so that whatever is done in all of them ends.
MOST_ORGS: Final = 100

PEOPLE: Final = Collection(
    "people", (Index((("email_key", 1),), is_unique=True),), is_global=True
)
MEMBERSHIPS: Final = Collection(
    "memberships",
    (
        PENDING_INDEX,
        Index((("org_id", 1), ("person_id", 1)), is_unique=True),
        Index((("person_id", 1),)),
        by("created_at"),
        by("updated_at"),
        by("archived_at"),
        by("folded.name"),
        by("email_key"),
        by("kind_key", "created_at"),
        by("roles", "created_at"),
        by("team_ids", "created_at"),
        by("grams", "created_at"),
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
            "email_verified": person.email_verified,
            "credentials": person.credentials,
        }
        try:
            self._rows.insert_one(document, session=self._context.session)
        except DuplicateKeyError:
            raise _email_taken() from None

    def replace_hash(self, person: Person, password_hash: str) -> None:
        """Keep the same password by another hash, unless it is another by now."""
        self._rows.update_one(
            {"_id": person.id, "password_hash": person.password_hash},
            {"$set": {"password_hash": password_hash}},
        )

    def change_password(self, person: Person, password_hash: str) -> bool:
        """Give a person another password, unless their credentials have changed.

        Returns:
            Whether it is theirs now.
        """
        return self._change_credentials(person, {"password_hash": password_hash})

    def verify_email(self, person: Person, email: str) -> bool:
        """Know that an address is a person's, who may have had another before.

        Returns:
            Whether it is; not if their credentials have changed.

        Raises:
            ConflictError: ``email_taken``.
        """
        if email == person.email:
            result = self._rows.update_one(
                {"_id": person.id, "email": email},
                {"$set": {"email_verified": True}},
                session=self._context.session,
            )
            return result.matched_count == 1
        return self._change_credentials(
            person,
            {"email": email, "email_key": email.casefold(), "email_verified": True},
        )

    def count_change(self, person_id: str) -> None:
        """Know that what somebody logs in with is another."""
        self._rows.update_one(
            {"_id": person_id}, self._counted({}), session=self._context.session
        )

    def _counted(self, values: Document) -> Document:
        by = self._context.step_id
        return {"$set": {**values, "changed_by": by}, "$inc": {"credentials": 1}}

    def _change_credentials(self, person: Person, values: Document) -> bool:
        # Those from before they were counted have none.
        same = person.credentials or {"$in": [0, None]}
        try:
            result = self._rows.update_one(
                {"_id": person.id, "credentials": same},
                self._counted(values),
                session=self._context.session,
            )
        except DuplicateKeyError:
            raise _email_taken() from None
        return result.modified_count == 1

    def update(self, person_id: str, values: Mapping[str, Any]) -> None:
        """Give a person other values; done twice, the same."""
        self._rows.update_one(
            {"_id": person_id}, {"$set": dict(values)}, session=self._context.session
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
            email_verified=document.get("email_verified", False),
            credentials=document.get("credentials", 0),
            changed_by=document.get("changed_by"),
        )


def _email_taken() -> ConflictError:
    return ConflictError("email_taken", "Somebody is registered with this address.")


class MembershipRepository(Repository[Membership]):
    """Who belongs to one organization, and who did."""

    collection = MEMBERSHIPS
    noun = "user"
    resource = "users"
    entity = Membership
    schema_version = 2
    fields: ClassVar[Mapping[str, Field]] = {
        "id": Field("id", "person_id"),
        "name": Field("text", is_sortable=True),
        "email": Field("email", "email_key"),
        "kind": Field("code", "kind_key", choices=("person", "service_account")),
        "roles": Field(is_list=True),
        "team_ids": Field("id", is_list=True),
        "created_at": Field("datetime", is_sortable=True),
        "updated_at": Field("datetime", is_sortable=True),
        "archived_at": Field("datetime"),
    }

    def index_fields(self, entity: Membership) -> Document:
        """The address in one spelling, and the kind, which rows may not name."""
        return {"email_key": address_key(entity.email), "kind_key": entity.kind}

    def find_by_person(self, person_id: str) -> Membership | None:
        """The person's membership in the organization, a former one included."""
        document = self._rows.find_one({"person_id": person_id})
        return None if document is None else self.restore(document)

    def find_live(self, person_id: str) -> Membership | None:
        """The person's membership, if they are a member now."""
        found = self.find_by_person(person_id)
        return None if found is None or found.archived_at is not None else found

    def live_among(self, people: Sequence[str]) -> list[str]:
        """Those of some people who are members now."""
        asked = {"person_id": {"$in": list(people)}, "archived_at": None}
        rows = self._rows.find(asked, [("person_id", 1)], len(people))
        return [row["person_id"] for row in rows]


class AnyMembershipRepository(MembershipRepository):
    """The same, whatever the caller's role lets them do to members.

    For what people do to themselves, and for what follows from that.
    """

    is_narrowed = False


class MembershipsOfPeople:
    """Where people are members, in whichever organizations."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._rows = database[MEMBERSHIPS.name]
        self._context = context

    def org_ids(self, person_id: str) -> list[str]:
        """Where somebody is a member now, the longest first."""
        rows = self._rows.find(
            {"person_id": person_id, "archived_at": None},
            {"org_id": 1},
            sort=[("created_at", 1), ("_id", 1)],
            limit=MOST_ORGS,
            session=self._context.session,
        )
        return [row["org_id"] for row in rows]
