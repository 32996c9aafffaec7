"""What somebody sees of records of which some fields are hidden, on a real database."""

import dataclasses
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from chassis.auth import Caller
from chassis.context import Context
from chassis.errors import InvalidInputError, VersionConflictError
from chassis.event_log import OUTBOX_COLLECTIONS
from chassis.idempotency import IDEMPOTENCY_KEYS, Operation
from chassis.ids import keyed_operation_id, new_id
from chassis.resources import Records
from chassis.restrictions import Restriction
from chassis.search_words import read_terms
from svc_customer.domain.contacts import Contact, EmailAddress
from svc_customer.repository.contacts import CONTACTS, ContactRepository
from svc_customer.service.contacts import _CONTACT

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

NOW = datetime.now(tz=UTC).replace(microsecond=0)
ORG, ME = new_id(), new_id()
EVERYTHING = Caller(
    principal_id=ME,
    principal_type="person",
    org_id=ORG,
    roles=(),
    team_ids=(),
    grants={"*": "all"},
    expires_at=0.0,
    token_id="t",  # noqa: S106 - a token's id is no secret
)


def without(*names):
    kept = Restriction(frozenset(names), frozenset(names))
    return dataclasses.replace(EVERYTHING, restrictions={"contacts": kept})


NO_EMAIL = without("email", "emails")


def context_of(caller, **more):
    values = {"operation_id": new_id(), "deadline": time.time() + 600, **more}
    return Context(
        caller=caller,
        org_id=ORG,
        actor={"type": "person", "id": ME},
        request_id="r",
        traceparent="",
        **values,
    )


@pytest.fixture
def database(service_database):
    return service_database(CONTACTS, IDEMPOTENCY_KEYS, *OUTBOX_COLLECTIONS)[1]


def repository(database, caller):
    return ContactRepository(database, context_of(caller))


def records(database, caller):
    context = context_of(caller)
    worker = SimpleNamespace(
        context=context,
        operation=Operation(database, context),
        check_references=lambda *_: None,
    )
    return Records(_CONTACT, ContactRepository(database, context), worker)


@pytest.fixture
def ada(database):
    reached = {
        "emails": [{"address": "love@engine.example", "is_primary": True}],
        "phones": [{"number": "+44 1234567", "is_primary": True}],
    }
    name = {"first_name": "Ada", "last_name": "King"}
    return records(database, EVERYTHING).create({**name, **reached})


def found(database, text, caller):
    hits = repository(database, caller).search(read_terms(text), 10)
    return [each.id for each, _ in hits.items]


class TestSearch:
    def test_finds_nothing_by_what_is_hidden(self, database, ada):
        assert found(database, "love@engine", EVERYTHING) == [ada["id"]]
        assert found(database, "love@engine", NO_EMAIL) == []
        assert found(database, "1234567", NO_EMAIL) == [ada["id"]]
        assert found(database, "1234567", without("phone", "phones")) == []

    def test_tells_parts_of_a_name_apart(self, database, ada):
        assert found(database, "king", without("first_name")) == [ada["id"]]
        assert found(database, "ada king", without("first_name")) == []
        assert found(database, "king", without("last_name")) == []

    @pytest.mark.usefixtures("ada")
    def test_looks_on_where_a_hidden_field_fitted_first(self, database):
        at = NOW + timedelta(seconds=1)
        other = Contact(
            id=new_id(),
            created_at=at,
            updated_at=at,
            first_name="Love",
            last_name="Engine",
            emails=(EmailAddress(address="x@y.example", is_primary=True),),
        )
        repository(database, EVERYTHING).add(other)

        assert found(database, "love engine", NO_EMAIL) == [other.id]

    def test_shows_nothing_of_it(self, database, ada):
        hits = repository(database, NO_EMAIL).search(read_terms("ada"), 10)
        ((seen, fit),) = hits.items

        assert (seen.id, seen.email, seen.emails) == (ada["id"], None, ())
        assert fit.kinds == ("n",)


class TestLists:
    @pytest.mark.parametrize(
        ("hidden", "parameters", "code"),
        [
            (("email", "emails"), {"filter[email]": "x@y.example"}, "invalid_filter"),
            (("last_name",), {"filter[last_name][contains]": "kin"}, "invalid_filter"),
            (("last_name",), {"sort": "last_name"}, "invalid_sort"),
            (("last_name",), {"sort": "last_name,first_name"}, "invalid_sort"),
            (("email", "emails"), {"fields": "id,emails"}, "invalid_fields"),
        ],
    )
    @pytest.mark.usefixtures("ada")
    def test_know_no_field_that_is_hidden(self, database, hidden, parameters, code):
        assert records(database, EVERYTHING).page(parameters)["data"] is not None
        with pytest.raises(InvalidInputError) as caught:
            records(database, without(*hidden)).page(parameters)

        assert (caught.value.code, caught.value.http_status) == (code, 400)


class TestConflicts:
    def test_tell_no_values_of_hidden_fields(self, database, ada):
        name = {"last_name": "Lovelace"}
        records(database, EVERYTHING).update(ada["id"], name, None)
        theirs = repository(database, without("last_name"))
        with pytest.raises(VersionConflictError) as caught:
            theirs.change(
                ada["id"],
                lambda contact: contact.changed({"last_name": "Byron"}, NOW),
                _CONTACT.updated,
                expected_version=1,
                is_mergeable=True,
            )

        assert caught.value.extra == {"conflicts": {}}


class TestRememberedAnswers:
    def test_are_given_again_without_what_was_hidden_since(self, database):
        key = keyed_operation_id(ORG, ME, "k")

        def once(caller):
            context = context_of(caller, operation_id=key, needs="contacts:write")
            view = {"id": "1", "version": 1, "email": "love@engine.example"}
            return Operation(database, context).once("create", {}, lambda: view)

        assert "email" in once(EVERYTHING)
        assert once(NO_EMAIL) == {"id": "1", "version": 1}
        assert "email" in once(EVERYTHING)

    def test_tell_no_more_to_whoever_may_read_less(self, database):
        told = {"id": "1", "version": 1, "created_at": "a", "updated_at": "b"}
        writer = dataclasses.replace(EVERYTHING, grants={"contacts:write": "all"})

        def once(caller, name):
            key = keyed_operation_id(ORG, ME, name)
            context = context_of(caller, operation_id=key, needs="contacts:write")
            view = {**told, "last_name": "King"}
            return Operation(database, context).once("create", {}, lambda: view)

        assert once(EVERYTHING, "k") == {**told, "last_name": "King"}
        assert once(writer, "k") == told
        # What this one has made it was told as its own word.
        assert once(writer, "l") == once(writer, "l") == once(EVERYTHING, "k")
