import pytest

from svc_auth.domain.roles import (
    BUILT_IN_ROLES,
    OWNED,
    PERMISSIONS,
    beyond,
    flat,
    narrowed,
    union,
)

EVERYTHING = {"*": "all"}


class TestBuiltInRoles:
    @pytest.mark.parametrize("key", BUILT_IN_ROLES)
    def test_grant_only_what_there_is(self, key):
        for permission, reach in BUILT_IN_ROLES[key].grants.items():
            resource, _, action = permission.partition(":")

            assert permission == "*" or action in PERMISSIONS[resource]
            assert reach == "all" or resource in OWNED

    def test_let_only_two_do_everything(self):
        assert {key for key, role in BUILT_IN_ROLES.items() if "*" in role.grants} == {
            "owner",
            "admin",
        }

    @pytest.mark.parametrize("key", ["analyst", "read_only"])
    def test_that_look_on_write_nothing(self, key):
        assert not any(name.endswith(":write") for name in BUILT_IN_ROLES[key].grants)


class TestUnion:
    def test_takes_the_farther_reach(self):
        own, team = {"leads:read": "own"}, {"leads:read": "team", "leads:write": "own"}

        assert union([own, team]) == union([team, own]) == team

    def test_of_nothing_grants_nothing(self):
        assert union([]) == {}


class TestFlat:
    def test_leaves_out_what_is_not_granted(self):
        matrix = {"leads": {"read": "all", "write": "none"}}

        assert flat(matrix) == {"leads:read": "all"}


class TestBeyond:
    def test_is_nothing_for_who_may_do_everything(self):
        assert beyond({"*": "all", "leads:write": "all"}, EVERYTHING) == []

    def test_names_what_reaches_farther(self):
        wanted = {"leads:read": "all", "leads:write": "own", "org:write": "all"}
        held = {"leads:read": "team", "leads:write": "all"}

        assert beyond(wanted, held) == ["leads:read", "org:write"]

    def test_names_everything(self):
        assert beyond(EVERYTHING, {"leads:read": "all"}) == ["*"]


class TestNarrowed:
    def test_never_grants_more_than_there_was(self):
        held = {"leads:read": "own", "leads:write": "own"}

        assert narrowed(held, ["leads:read", "org:write"]) == {"leads:read": "own"}

    def test_spells_everything_out(self):
        assert narrowed(EVERYTHING, ["leads:read"]) == {"leads:read": "all"}

    def test_lets_write_not_imply_read(self):
        assert "leads:read" not in narrowed(EVERYTHING, ["leads:write"])
