from dataclasses import replace

import pytest

from chassis.auth import Caller
from gateway_flask.answer_cache import AnswerCache
from gateway_flask.feed import FeedEvent

ORG, OTHER_ORG = "org-a", "org-b"
RECORD, OTHER_RECORD = "record-1", "record-2"
CALLER = Caller(
    principal_id="ada",
    principal_type="person",
    org_id=ORG,
    roles=(),
    team_ids=(),
    grants={"contacts:read": "all"},
    expires_at=0,
    token_id="t",  # noqa: S106
)


def event_of(record_id, org_id=ORG):
    return FeedEvent(
        "e", "customer.x", org_id, "contact", record_id, 2, None, (), "", {}
    )


def reshaped(org_id):
    name = "customer.custom_field_archived"
    return FeedEvent("e", name, org_id, "custom_field", "f", 2, None, (), "", {})


class Feed:
    is_live = True


@pytest.fixture
def feed():
    return Feed()


@pytest.fixture
def cache(feed):
    return AnswerCache(100_000, lambda: feed.is_live)


def keep(cache, version=1, caller=CALLER, record_id=RECORD, body=b"{}"):
    lookup = cache.look_up(caller, "get_contact", record_id)
    cache.keep(lookup, body, f'"v{version}"', version)
    return lookup


def found(cache, caller=CALLER, record_id=RECORD):
    entry = cache.find(cache.look_up(caller, "get_contact", record_id))
    return None if entry is None else entry.version


class TestFind:
    def test_gives_what_was_kept(self, cache):
        keep(cache, 3)

        assert found(cache) == 3

    @pytest.mark.parametrize(
        "other",
        [
            {"org_id": OTHER_ORG},
            {"principal_id": "bob"},
            {"grants": {"contacts:read": "own"}},
            {"team_ids": ("team",)},
        ],
    )
    def test_gives_nothing_to_another_caller(self, cache, other):
        keep(cache)

        assert found(cache, replace(CALLER, **other)) is None

    def test_gives_nothing_while_events_are_not_heard(self, cache, feed):
        keep(cache)
        feed.is_live = False

        assert found(cache) is None

    def test_gives_nothing_that_is_too_old(self, feed):
        cache = AnswerCache(100_000, lambda: feed.is_live, lifetime_s=-1)
        keep(cache)

        assert found(cache) is None
        assert len(cache) == 0


class TestKeep:
    def test_takes_the_place_of_an_older_version_only(self, cache):
        keep(cache, 2)
        keep(cache, 1)

        assert found(cache) == 2

    def test_does_not_keep_what_was_asked_for_before_an_event(self, cache):
        lookup = cache.look_up(CALLER, "get_contact", RECORD)
        cache.hear(event_of(RECORD))
        cache.keep(lookup, b"{}", '"v1"', 1)

        assert found(cache) is None

    def test_does_not_keep_what_was_asked_for_before_a_gap(self, cache):
        lookup = cache.look_up(CALLER, "get_contact", RECORD)
        cache.flush()
        cache.keep(lookup, b"{}", '"v1"', 1)

        assert found(cache) is None

    def test_keeps_what_was_asked_for_before_an_event_of_another_record(self, cache):
        lookup = cache.look_up(CALLER, "get_contact", RECORD)
        cache.hear(event_of(OTHER_RECORD))
        cache.keep(lookup, b"{}", '"v1"', 1)

        assert found(cache) == 1

    def test_keeps_nothing_whose_events_are_forgotten(self, cache):
        lookup = cache.look_up(CALLER, "get_contact", RECORD)
        for number in range(10_001):
            cache.drop(ORG, f"record {number}")
        cache.keep(lookup, b"{}", '"v1"', 1)

        assert found(cache) is None

    def test_stays_within_its_memory(self, feed):
        cache = AnswerCache(10_000, lambda: feed.is_live)
        for number in range(100):
            keep(cache, record_id=f"record {number}", body=bytes(1_000))

        assert 0 < cache.size <= 10_000
        assert found(cache, record_id="record 99") == 1
        assert found(cache, record_id="record 0") is None

    def test_keeps_nothing_large(self, feed):
        cache = AnswerCache(10_000_000, lambda: feed.is_live)
        keep(cache, body=bytes(65_537))

        assert found(cache) is None


class TestDrop:
    def test_forgets_the_record_for_everybody_in_its_organization(self, cache):
        bob, stranger = (
            replace(CALLER, principal_id="bob"),
            replace(CALLER, org_id=OTHER_ORG),
        )
        for caller in (CALLER, bob, stranger):
            keep(cache, caller=caller)
        cache.hear(event_of(RECORD))

        assert (None, None, 1) == (
            found(cache),
            found(cache, bob),
            found(cache, stranger),
        )

    def test_forgets_what_looks_different_without_a_change(self, cache):
        keep(cache)
        cache.hear_touched(ORG, [OTHER_RECORD, RECORD])

        assert found(cache) is None

    def test_leaves_no_memory_behind(self, cache):
        keep(cache)
        cache.drop(ORG, RECORD)

        assert (len(cache), cache.size) == (0, 0)


class TestFlush:
    def test_forgets_everything(self, cache):
        keep(cache)
        cache.flush()

        assert (None, 0) == (found(cache), cache.size)


class TestAFieldOfTheirOwn:
    def test_that_is_archived_makes_all_answers_of_the_org_old(self, cache):
        elsewhere = replace(CALLER, org_id=OTHER_ORG)
        keep(cache)
        keep(cache, record_id=OTHER_RECORD)
        keep(cache, caller=elsewhere)
        cache.hear(reshaped(ORG))

        assert (found(cache), found(cache, record_id=OTHER_RECORD)) == (None, None)
        assert found(cache, caller=elsewhere) == 1

    def test_makes_an_answer_old_that_is_under_way(self, cache):
        lookup = cache.look_up(CALLER, "get_contact", RECORD)
        cache.hear(reshaped(ORG))
        cache.keep(lookup, b"{}", '"v1"', 1)

        assert found(cache) is None
        keep(cache)
        assert found(cache) == 1
