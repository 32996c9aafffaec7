import pytest

from chassis.merge_patch import merge, with_merged_objects


class TestMerge:
    # RFC 7396, appendix A.
    @pytest.mark.parametrize(
        ("target", "patch", "result"),
        [
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
            ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
            ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
            (["a", "b"], ["c", "d"], ["c", "d"]),
            ({"a": "b"}, ["c"], ["c"]),
            ({"a": "foo"}, None, None),
            ({"a": "foo"}, "bar", "bar"),
            ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
            ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
            ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ],
    )
    def test_follows_the_rfc(self, target, patch, result):
        assert merge(target, patch) == result


class TestWithMergedObjects:
    def test_leaves_what_is_no_object_to_the_input(self):
        current = {"address": {"city": "Bonn", "street": "A"}, "name": "x"}
        patch = {"address": {"city": "Köln"}, "name": None, "tags": ["a"]}

        assert with_merged_objects(patch, current) == {
            "address": {"city": "Köln", "street": "A"},
            "name": None,
            "tags": ["a"],
        }
