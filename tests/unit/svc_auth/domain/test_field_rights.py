import pytest

from svc_auth.domain.field_rights import (
    fields_with,
    more_than,
    restricted_names,
    rights_to,
    together,
)


class TestRightsTo:
    @pytest.mark.parametrize(
        ("resource", "field", "expected"),
        [
            ("contacts", "emails", ("none", "read", "write")),
            ("contacts", "owner_id", ("read", "write")),
            ("contacts", "email", ()),
            ("contacts", "id", ()),
            ("deliveries", "emails", ()),
        ],
    )
    def test_say_what_can_be_restricted(self, resource, field, expected):
        assert rights_to(resource, field) == expected


class TestTogether:
    def test_restrict_only_what_each_does(self):
        one = {"emails": "none", "phones": "none", "tags": "read"}
        other = {"emails": "none", "phones": "read", "job_title": "none"}
        expected = {"emails": "none", "phones": "read"}

        assert together([one, other]) == together([other, one]) == expected

    def test_of_one_is_what_it_restricts(self):
        assert together([{"tags": "read", "emails": "write"}]) == {"tags": "read"}

    def test_of_none_is_nothing(self):
        assert together([]) == {}


class TestMoreThan:
    def test_names_what_lets_do_more(self):
        held = {"emails": "none", "phones": "read", "tags": "read"}

        assert more_than(held, {"emails": "none", "tags": "none"}) == ["phones"]
        assert more_than(held, {"phones": "read"}) == ["emails", "tags"]

    def test_is_nothing_where_all_is_held(self):
        assert more_than({}, {}) == []


class TestFieldsWith:
    def test_are_those_of_just_this_right(self):
        rights = {"tags": "read", "phones": "none", "emails": "none"}

        assert fields_with(rights, "none") == ("emails", "phones")


class TestRestrictedNames:
    def test_are_all_that_a_field_is_called(self):
        fields = {
            "contacts": {"emails": "none", "tags": "read", "phones": "write"},
            "leads": {"email": "read"},
            "accounts": {"name": "write"},
        }
        expected = {
            "contacts": {"none": ["emails", "email"], "read": ["tags"]},
            "leads": {"read": ["email"]},
        }

        assert restricted_names(fields) == expected

    def test_are_both_names_of_one_thing(self):
        names = restricted_names({"contacts": {"accounts": "read"}})

        assert names["contacts"]["read"] == ["accounts", "account_id"]
