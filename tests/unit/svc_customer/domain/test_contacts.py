from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import InvalidInputError
from svc_customer.domain.contacts import EmailAddress, change_contact, new_contact

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
