from datetime import UTC, datetime

import pytest

from svc_customer.domain.contacts import EmailAddress, PhoneNumber, new_contact
from svc_customer.service.primaries import with_whole_lists

NOW = datetime(2026, 1, 31, tzinfo=UTC)
EMAILS = (
    EmailAddress(address="ada@work.example", validity="valid", is_primary=True),
    EmailAddress(address="ada@home.example", type="home", validity="bounced"),
    EmailAddress(address="ada@club.example", type="club"),
)
PHONES = (
    PhoneNumber(number="030 1", type="desk", is_primary=True),
    PhoneNumber(number="+49 171 1", type="mobile", validity="possible"),
)
CONTACT = new_contact("c", {"emails": EMAILS, "phones": PHONES}, None, NOW)


def told(entries):
    """The value, type, validity and place at the top of each entry."""
    return [tuple(vars(each).values())[:4] for each in entries]


class TestWithWholeLists:
    def test_makes_a_list_of_one(self):
        data = with_whole_lists({"email": "a@b.co", "phone": "1"})

        assert data == {
            "emails": (EmailAddress(address="a@b.co", is_primary=True),),
            "phones": (PhoneNumber(number="1", is_primary=True),),
        }

    def test_replaces_the_primary_one_and_keeps_its_type(self):
        data = with_whole_lists({"email": "new@work.example", "phone": "2"}, CONTACT)

        assert data["emails"] == (
            EmailAddress(address="new@work.example", is_primary=True),
            *EMAILS[1:],
        )
        assert data["phones"] == (
            PhoneNumber(number="2", type="desk", is_primary=True),
            *PHONES[1:],
        )

    def test_makes_primary_what_is_in_the_list(self):
        patch = {"email": "Ada@HOME.example", "phone": "0049 (171) 1"}
        data = with_whole_lists(patch, CONTACT)

        assert told(data["emails"])[:2] == [
            ("ada@work.example", "work", False, "valid"),
            ("Ada@HOME.example", "home", True, "bounced"),
        ]
        assert [(p.number, p.type, p.is_primary) for p in data["phones"]] == [
            ("030 1", "desk", False),
            ("0049 (171) 1", "mobile", True),
        ]

    def test_changes_nothing_by_what_is_primary(self):
        patch = {"email": EMAILS[0].address, "phone": PHONES[0].number}

        assert with_whole_lists(patch, CONTACT) == {"emails": EMAILS, "phones": PHONES}

    def test_takes_the_primary_one_away(self):
        data = with_whole_lists({"email": None, "phone": None}, CONTACT)

        assert told(data["emails"]) == [
            ("ada@home.example", "home", True, "bounced"),
            ("ada@club.example", "club", False, "unverified"),
        ]
        assert [p.number for p in data["phones"]] == ["+49 171 1"]

    @pytest.mark.parametrize("name", ["email", "phone"])
    def test_takes_nothing_from_nobody(self, name):
        assert with_whole_lists({name: None}) == {f"{name}s": ()}

    def test_leaves_other_fields_alone(self):
        assert with_whole_lists({"last_name": "Li"}, CONTACT) == {"last_name": "Li"}
