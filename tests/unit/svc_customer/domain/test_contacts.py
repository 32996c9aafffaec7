from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import InvalidInputError
from svc_customer.domain.contacts import (
    MOST_ACCOUNTS,
    ContactAccount,
    EmailAddress,
    change_contact,
    new_contact,
)

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def make_contact(**data):
    return new_contact("c", {"last_name": "Li", **data}, "owner", NOW)


class TestContact:
    def test_shows_its_primary_address(self):
        emails = (
            EmailAddress(address="a@b.co"),
            EmailAddress(address="c@d.co", is_primary=True),
        )

        assert make_contact(emails=emails).email == "c@d.co"
        assert make_contact().email is None


class TestChangeContact:
    def test_that_changes_nothing_is_none(self):
        contact = make_contact()

        assert change_contact(contact, {"last_name": "Li"}, NOW) is contact

    def test_moves_time_forward(self):
        changed = change_contact(make_contact(), {"job_title": "x"}, NOW)

        assert changed.updated_at == NOW + timedelta(milliseconds=1)

    def test_leaves_somebody_behind(self):
        with pytest.raises(InvalidInputError, match="contact_unidentified"):
            change_contact(make_contact(), {"last_name": None}, NOW)


class TestAccounts:
    BOTH = (
        ContactAccount(account_id="a", role="CFO", is_primary=True),
        ContactAccount(account_id="b", role="adviser"),
    )

    @pytest.mark.parametrize(
        ("account_id", "expected"),
        [
            ("a", [("a", "CFO", True), ("b", "adviser", False)]),
            ("b", [("a", "CFO", False), ("b", "adviser", True)]),
            ("c", [("c", None, True), ("b", "adviser", False)]),
            (None, [("b", "adviser", False)]),
        ],
    )
    def test_have_another_primary_one(self, account_id, expected):
        contact = make_contact(accounts=self.BOTH)
        changed = change_contact(contact, {"account_id": account_id}, NOW)

        found = [(a.account_id, a.role, a.is_primary) for a in changed.accounts]
        assert found == expected
        assert changed.account_id == account_id

    def test_stay_as_they_are_if_nothing_differs(self):
        contact = make_contact(accounts=self.BOTH)

        assert change_contact(contact, {"account_id": "a"}, NOW) is contact

    def test_begin_with_one(self):
        assert make_contact(account_id="a").account_id == "a"
        assert make_contact(account_id=None).accounts == ()

    def test_are_twenty_at_most(self):
        others = tuple(ContactAccount(account_id=str(n)) for n in range(MOST_ACCOUNTS))
        contact = make_contact(accounts=others)

        with pytest.raises(InvalidInputError, match="invalid_input"):
            change_contact(contact, {"account_id": "a"}, NOW)
