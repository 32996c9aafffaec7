import uuid

import pytest
import redis

from chassis.auth import Caller
from gateway_flask.bus import Ask
from gateway_flask.last_good import LastGood, key_of

pytestmark = pytest.mark.integration

ASK = Ask("customer", "list_contacts", {"query": {"limit": "20"}})


def make_caller(**overrides):
    values = {
        "principal_id": "p",
        "principal_type": "person",
        "org_id": uuid.uuid4().hex,
        "roles": (),
        "team_ids": (),
        "grants": {"contacts:read": "all"},
        "expires_at": 0.0,
        "token_id": "t",
    }
    return Caller(**{**values, **overrides})


@pytest.fixture
def cache_url(secret):
    return secret("gateway", "redis_cache_url")


@pytest.fixture
def last_good(cache_url):
    return LastGood(cache_url)


class TestLastGood:
    def test_gives_back_what_it_was_given_and_says_how_old_it_is(self, last_good):
        key = key_of(make_caller(), ASK)
        last_good.remember({key: {"data": ["é"]}})

        kept = last_good.recall([key, "section:other"])

        assert kept.keys() == {key}
        assert kept[key].data == {"data": ["é"]}
        assert 0 <= kept[key].age_s <= 1

    def test_keeps_nothing_for_longer_than_ten_minutes(self, last_good, cache_url):
        key = key_of(make_caller(), ASK)
        last_good.remember({key: 1})

        with redis.Redis.from_url(cache_url) as server:
            assert 590 < server.ttl(key) <= 600

    def test_keeps_nothing_large(self, last_good):
        key = key_of(make_caller(), ASK)
        last_good.remember({key: "x" * 70_000})

        assert last_good.recall([key]) == {}

    def test_forgets(self, last_good):
        key = key_of(make_caller(), ASK)
        last_good.remember({key: 1})
        last_good.forget([key])

        assert last_good.recall([key]) == {}


class TestKeyOf:
    @pytest.mark.parametrize(
        "other",
        [
            {"org_id": "another"},
            {"principal_id": "another"},
            {"grants": {"contacts:read": "own"}},
            {"team_ids": ("a",)},
        ],
    )
    def test_tells_callers_apart_that_may_see_different_things(self, other):
        caller = make_caller(org_id="o")

        assert key_of(caller, ASK) == key_of(make_caller(org_id="o"), ASK)
        assert key_of(caller, ASK) != key_of(
            make_caller(**{"org_id": "o", **other}), ASK
        )

    def test_tells_questions_apart(self):
        caller = make_caller()
        other = Ask("customer", "list_contacts", {"query": {"limit": "21"}})

        assert key_of(caller, ASK) != key_of(caller, other)
