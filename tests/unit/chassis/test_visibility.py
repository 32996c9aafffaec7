import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.auth import Caller
from chassis.visibility import resource_of, sees, visible

PEOPLE = ["p1", "p2", "t1", "t2"]
RESOURCES = ["contacts", "leads", "opportunities"]
reaches = st.sampled_from(["none", "own", "team", "all"])
grants = st.dictionaries(
    st.sampled_from(["*", "contacts:read", "leads:read", "contacts:write"]), reaches
)


def caller(**fields):
    return Caller(
        **{
            "principal_id": "p1",
            "principal_type": "person",
            "org_id": "o",
            "roles": (),
            "team_ids": ("t1",),
            "grants": {},
            "expires_at": 0.0,
            "token_id": "x",
            **fields,
        }
    )


def matches(condition, row):
    """MongoDB's judgment, of the operators that are used."""
    rights = condition.get("$or")
    if rights is not None:
        return any(matches(each, row) for each in rights)
    return all(fits(wanted, row[name]) for name, wanted in condition.items())


def fits(wanted, value):
    values = set(value if isinstance(value, list) else [value])
    if not isinstance(wanted, dict):
        return wanted in values
    ((operator, operand),) = wanted.items()
    return values.isdisjoint(operand) is (operator == "$nin")


class TestSees:
    @pytest.mark.parametrize(
        ("grants", "acl", "expected"),
        [
            ({}, ["p1"], False),
            ({"contacts:write": "all"}, ["p1"], False),
            ({"leads:read": "all"}, ["p1"], False),
            ({"contacts:read": "all"}, [], True),
            ({"contacts:read": "own"}, ["p1"], True),
            ({"contacts:read": "own"}, ["t1"], False),
            ({"contacts:read": "team"}, ["p2", "t1"], True),
            ({"contacts:read": "team"}, ["t2"], False),
            ({"*": "all"}, [], True),
        ],
    )
    def test_what_a_grant_reaches(self, grants, acl, expected):
        assert sees(caller(grants=grants), "contacts", acl) is expected

    @given(grants, st.sampled_from(RESOURCES), st.lists(st.sampled_from(PEOPLE)))
    def test_agrees_with_the_condition_on_the_log(self, grants, resource, acl):
        somebody = caller(grants=grants)
        row = {"_id": "e", "resource": resource, "acl": acl}

        assert sees(somebody, resource, acl) is matches(visible(somebody), row)


class TestResourceOf:
    @pytest.mark.parametrize(
        ("kind", "resource"),
        [("contact", "contacts"), ("opportunity", "opportunities"), ("org", "org")],
    )
    def test_is_what_permissions_say(self, kind, resource):
        assert resource_of(kind) == resource
