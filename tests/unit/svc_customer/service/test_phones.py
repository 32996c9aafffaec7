from datetime import UTC, datetime

import pytest

from svc_customer.domain.accounts import new_account
from svc_customer.domain.contacts import PhoneNumber, change_contact, new_contact
from svc_customer.domain.records import Address
from svc_customer.service.phones import (
    read_number,
    with_account_number,
    with_numbers,
)

NOW = datetime(2026, 1, 31, tzinfo=UTC)
LONDON = "+442079460000"
TYPED = PhoneNumber(number="020 7946 0000")


class TestReadNumber:
    @pytest.mark.parametrize(
        ("number", "country", "expected"),
        [
            ("+44 20 7946 0000", None, (LONDON, "valid")),
            ("+44 (0)20 7946-0000", None, (LONDON, "valid")),
            ("0044 20 7946 0000", None, (LONDON, "valid")),
            (
                "+\u0664\u0664 20 7946 0000",
                None,
                (LONDON, "valid"),
            ),
            ("020 7946 0000", "GB", (LONDON, "valid")),
            ("+44 20 7946 0000", "US", (LONDON, "valid")),
            ("011 44 20 7946 0000", "US", (LONDON, "valid")),
            ("+1 650 253 0000 ext. 5", None, ("+16502530000", "valid")),
            ("555-0123", "US", ("+15550123", "possible")),
            ("020 7946 0000", None, (None, "unknown")),
            ("7946 ask for Li", None, (None, "unknown")),
            ("+999 1", None, (None, "invalid")),
            ("+44 2", None, (None, "invalid")),
            ("9", "GB", (None, "invalid")),
            ("+" + "4" * 39, None, (None, "invalid")),
        ],
    )
    def test_reads_what_people_type(self, number, country, expected):
        assert read_number(number, country) == expected


class TestWithNumbers:
    def test_takes_the_country_of_the_first_address_with_a_code(self):
        addresses = (Address(country="Elsewhere"), Address(country="GB"))
        data = with_numbers({"phones": (TYPED,), "addresses": addresses})

        assert [each.e164 for each in data["phones"]] == [LONDON]

    def test_takes_the_country_that_the_record_has(self):
        contact = new_contact("c", {"addresses": (Address(country="GB"),)}, None, NOW)
        patch = with_numbers({"phones": (TYPED,)}, contact)

        assert patch["phones"][0].e164 == LONDON

    def test_reads_numbers_anew_when_somebody_moves(self):
        contact = new_contact("c", {"last_name": "Li", "phones": (TYPED,)}, None, NOW)
        moved = with_numbers({"addresses": (Address(country="GB"),)}, contact)
        back = with_numbers({"addresses": ()}, change_contact(contact, moved, NOW))

        assert moved["phones"][0].e164 == LONDON
        assert back["phones"] == (TYPED,)

    def test_leaves_alone_what_is_about_something_else(self):
        assert with_numbers({"last_name": "Li"}) == {"last_name": "Li"}


class TestWithAccountNumber:
    def test_takes_the_country_of_its_address(self):
        address = Address(country="GB")
        account = new_account("a", {"name": "x", "shipping_address": address}, "o", NOW)
        patch = with_account_number({"phone": "020 7946 0000"}, account)

        assert patch["phone_e164"] == LONDON

    def test_has_none_without_a_number(self):
        assert with_account_number({"phone": None}) == {
            "phone": None,
            "phone_e164": None,
        }
