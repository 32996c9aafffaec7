import pytest

from chassis.errors import InvalidInputError
from chassis.schemas import load
from svc_customer.schemas.bulk_updates import CreateBulkUpdateInput


def filters(**asked):
    payload = {"resource": "contacts", "filter": asked, "changes": {"tags": []}}
    return load(CreateBulkUpdateInput(), payload)["filters"]


class TestFilters:
    @pytest.mark.parametrize(
        ("value", "text"),
        [("web", "web"), (3, "3"), (1.5, "1.5"), (1e22, "1e+22"), (True, "true")],
    )
    def test_are_written_as_in_a_query_string(self, value, text):
        assert filters(source=value) == {"filter[source]": text}
        assert filters(source={"nin": [value, "b"]}) == {
            "filter[source][nin]": f"{text},b"
        }

    @pytest.mark.parametrize(
        "asked",
        [
            *(["a", "b"], {"eq": ["a", "b"]}, {"gte": ["a"]}, {"in": []}),
            *({"in": ["a,b"]}, {"in": [["a"]]}, {"in": ["a"] * 101}),
            *(None, float("nan"), {"gte": float("inf")}, {"eq": {}}, {}),
        ],
    )
    def test_that_could_be_no_query_are_refused_by_their_name(self, asked):
        with pytest.raises(InvalidInputError) as error:
            filters(source=asked)

        assert [each["field"] for each in error.value.extra["errors"]] == [
            "filter.source"
        ]
