from datetime import UTC, datetime

import pytest

from chassis.auth import Caller
from chassis.restrictions import Restriction
from svc_customer.domain.segments import new_segment
from svc_customer.repository.segment_conditions import names_hidden

NOW = datetime(2026, 1, 31, tzinfo=UTC)
BOUGHT = {"interactions": "purchase"}
OUTDATED = {"field": "tags", "op": "eq", "value": ["vip"]}


def caller(*hidden):
    return Caller(
        principal_id="p",
        principal_type="person",
        org_id="o",
        roles=(),
        team_ids=(),
        grants={},
        expires_at=0,
        token_id="t",  # noqa: S106 - no secret
        restrictions={"contacts": Restriction(frozenset(hidden))},
    )


class TestNamesHidden:
    @pytest.mark.parametrize(
        ("definition", "hidden", "names"),
        [
            (None, ["tags"], []),
            (BOUGHT, ["tags"], []),
            ({"field": "tags", "value": "vip"}, [], []),
            ({"field": "tags", "value": "vip"}, ["email"], []),
            ({"field": "tags", "value": "vip"}, ["tags"], ["tags"]),
            (
                {"any": [BOUGHT, {"field": "custom.region", "value": "x"}]},
                ["custom"],
                ["custom.region"],
            ),
            # It may ask for whatever is hidden.
            (OUTDATED, ["email", "tags"], ["email", "tags"]),
            (OUTDATED, [], []),
        ],
    )
    def test_are_those_that_a_definition_asks_for(self, definition, hidden, names):
        data = {"resource": "contacts", "kind": "dynamic", "name": "x"}
        segment = new_segment("s", {**data, "definition": definition}, None, NOW)

        assert names == names_hidden(segment, caller(*hidden))
