import pytest

from svc_auth.domain.rights import Rights, beyond_rights, rights_of_all

NO_EMAILS = {"contacts": {"emails": "none"}}
READS = {"contacts:read": "all"}


class TestRightsOfAll:
    def test_of_nothing_are_none(self):
        assert rights_of_all([]) == Rights({}, {})

    def test_count_what_a_role_restricts(self):
        assert rights_of_all([Rights(READS, NO_EMAILS)]) == Rights(READS, NO_EMAILS)

    def test_are_those_of_the_most_permissive_role(self):
        writes = Rights({"contacts:write": "own"})

        assert rights_of_all([Rights(READS, NO_EMAILS), writes]).fields == {}

    @pytest.mark.parametrize(
        "grants", [{"leads:read": "all"}, {"contacts:read": "none"}]
    )
    def test_do_not_count_roles_that_grant_nothing_of_the_resource(self, grants):
        found = rights_of_all([Rights(READS, NO_EMAILS), Rights(grants)])

        assert found.fields == NO_EMAILS

    def test_are_unrestricted_with_a_role_that_grants_everything(self):
        found = rights_of_all([Rights(READS, NO_EMAILS), Rights({"*": "all"})])

        assert found.fields == {}


class TestBeyondRights:
    def test_names_permissions_and_fields(self):
        wanted = Rights({**READS, "leads:read": "all"})
        expected = ["leads:read", "contacts.emails"]

        assert beyond_rights(wanted, Rights(READS, NO_EMAILS)) == expected

    def test_lets_give_what_is_kept_alike(self):
        held = Rights(READS, NO_EMAILS)

        assert beyond_rights(held, held) == []
        assert beyond_rights(Rights({"contacts:read": "own"}, NO_EMAILS), held) == []

    def test_lets_give_what_has_nothing_to_do_with_it(self):
        held = Rights({**READS, "leads:read": "all"}, NO_EMAILS)

        assert beyond_rights(Rights({"leads:read": "all"}), held) == []
