"""Who may make the record that an upsert did not find."""

import time

import pytest

from chassis.context import Context
from chassis.ids import new_id
from chassis.matching import MATCH_LOCKS, MatchLocks

pytestmark = pytest.mark.integration

ORG = new_id()


@pytest.fixture
def locks(service_database):
    """The locks of an attempt at an operation."""
    database = service_database(MATCH_LOCKS)[1]

    def of(operation_id):
        context = Context(
            caller=None,
            org_id=ORG,
            actor={"type": "person", "id": "somebody"},
            operation_id=operation_id,
            request_id=new_id(),
            traceparent="",
            deadline=time.time() + 60,
        )
        return MatchLocks(database, context)

    return of


class TestHold:
    def test_leaves_out_what_another_operation_holds(self, locks):
        one, other = locks(new_id()), locks(new_id())
        with one.hold("contacts.email", {"a", "b"}) as first:
            with other.hold("contacts.email", {"b", "c"}) as second:
                assert (first, second) == ({"a", "b"}, {"c"})
            with other.hold("accounts.domain", {"a"}) as elsewhere:
                assert elsewhere == {"a"}

    def test_leaves_nothing_behind(self, locks):
        for _ in range(2):
            with locks(new_id()).hold("contacts.email", {"d"}) as held:
                assert held == {"d"}

    def test_is_not_kept_out_by_an_attempt_of_its_own_that_died(self, locks):
        operation_id = new_id()
        # Within this, it has not been heard of any more.
        with locks(operation_id).hold("contacts.email", {"e", "f"}) as died:
            with locks(new_id()).hold("contacts.email", {"e"}) as other:
                assert (died, other) == ({"e", "f"}, set())
            with locks(operation_id).hold("contacts.email", {"e", "g"}) as again:
                assert again == {"e", "g"}
