from datetime import UTC, datetime

import pytest

from chassis.errors import ConflictError
from svc_auth.domain.teams import (
    DEEPEST,
    MOST_TEAMS,
    MOST_TEAMS_OF_ONE,
    MOST_TEAMS_SEEN,
    Team,
    check_tree,
    home_teams,
    joined,
    left,
    seen_teams,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def team(team_id, parent_id=None, lead_id=None):
    return Team(
        id=team_id,
        name=team_id,
        parent_id=parent_id,
        lead_id=lead_id,
        created_at=NOW,
        updated_at=NOW,
    )


def chain(length):
    return [team(str(n), str(n - 1) if n else None) for n in range(length)]


def refusal(teams):
    with pytest.raises(ConflictError) as refused:
        check_tree(teams)
    return refused.value.code


class TestTheTree:
    def test_may_be_as_deep_and_as_large_as_that(self):
        check_tree(chain(DEEPEST))
        check_tree([team(str(n)) for n in range(MOST_TEAMS)])

    @pytest.mark.parametrize(
        ("teams", "code"),
        [
            ([team("a", "a")], "team_cycle"),
            ([team("a", "b"), team("b", "a")], "team_cycle"),
            ([team("x", "a"), team("a", "b"), team("b", "a")], "team_cycle"),
            ([team("a", "gone")], "team_parent_archived"),
            (chain(DEEPEST + 1), "team_too_deep"),
            ([team(str(n)) for n in range(MOST_TEAMS + 1)], "too_many_teams"),
        ],
    )
    def test_is_one(self, teams, code):
        assert refusal(teams) == code


class TestSight:
    TREE = (
        team("top", lead_id="boss"),
        team("north", "top", lead_id="ann"),
        team("south", "top"),
        team("far-north", "north"),
    )

    def test_is_ones_own_teams(self):
        assert seen_teams(self.TREE, ("south",), "bob") == ("south",)

    def test_is_what_is_beneath_what_one_leads(self):
        assert seen_teams(self.TREE, (), "boss") == (
            "top",
            "north",
            "south",
            "far-north",
        )

    def test_begins_with_ones_own(self):
        assert seen_teams(self.TREE, ("south",), "ann") == (
            "south",
            "north",
            "far-north",
        )

    def test_is_not_by_archived_teams(self):
        assert seen_teams(self.TREE, ("gone", "south"), "bob") == ("south",)
        assert home_teams(self.TREE, ("gone", "south")) == ("south",)

    def test_is_cut_where_a_token_ends(self):
        teams = [team("top", lead_id="boss")]
        teams += [team(f"{n:03}", "top") for n in range(MOST_TEAMS_SEEN + 5)]
        seen = seen_teams(teams[::-1], (), "boss")

        assert len(seen) == MOST_TEAMS_SEEN
        assert seen[:2] == ("top", "000")
        assert seen[-1] == f"{MOST_TEAMS_SEEN - 2:03}"


class TestBelonging:
    def test_is_the_same_done_twice(self):
        assert joined(("a",), "a") == ("a",)
        assert joined(("a",), "b") == ("a", "b")
        assert left(("a", "b"), "a") == left(("b",), "a") == ("b",)

    def test_is_bounded(self):
        full = tuple(str(n) for n in range(MOST_TEAMS_OF_ONE))
        with pytest.raises(ConflictError, match="20 teams"):
            joined(full, "another")

        assert joined(full, "3") == full
