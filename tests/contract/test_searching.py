"""Whatever can be searched has the indexes that a search reads."""

import importlib

import pytest

from chassis.searching import SEARCH_INDEX, Searchable
from stack.principals import SERVICES

SEARCHED = [
    repository
    for service in SERVICES
    for repository in getattr(
        importlib.import_module(f"svc_{service}.repository"), "REPOSITORIES", ()
    )
    if issubclass(repository, Searchable)
]


class TestSearchable:
    def test_are_the_four_kinds(self):
        assert {each.resource for each in SEARCHED} == {
            "accounts",
            "contacts",
            "leads",
            "opportunities",
        }

    @pytest.mark.parametrize("repository", SEARCHED)
    def test_have_both_indexes(self, repository):
        indexes = repository.collection.indexes

        assert SEARCH_INDEX in indexes
        assert any(
            index.keys[1:3] == (("acl", 1), ("created_at", 1)) for index in indexes
        )
