import json
import os
import uuid
from pathlib import Path

import pytest

from chassis.errors import RateLimitedError
from gateway_flask.limits import Charge, Limit, Limiter

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def redis_url():
    status_file = os.environ.get("RAPPORT_STATUS_FILE")
    if not status_file:
        pytest.skip("RAPPORT_STATUS_FILE names no running stack")
    return json.loads(Path(status_file).read_text())["redis_url"]


# So slow that nothing comes back while a test goes on.
UNIT_S = 60


@pytest.fixture
def limiter(redis_url):
    limits = {
        "read": Limit(1 / UNIT_S, 3),
        "write": Limit(1 / UNIT_S, 3),
        "login": Limit(1 / UNIT_S, 60),
        "account": Limit(1 / UNIT_S, 2),
    }
    return Limiter(redis_url, limits)


@pytest.fixture
def owner():
    return uuid.uuid4().hex


class TestLimiter:
    def test_lets_a_burst_through_and_no_more(self, limiter, owner):
        left = [limiter.check([Charge("read", owner)]).remaining for _ in range(3)]

        assert left == [2, 1, 0]
        with pytest.raises(RateLimitedError) as caught:
            limiter.check([Charge("read", owner)])
        assert UNIT_S / 2 < caught.value.extra["retry_after_s"] <= UNIT_S

    def test_a_refused_request_costs_nothing(self, limiter, owner):
        for _ in range(3):
            limiter.check([Charge("read", owner)])

        waits = []
        for _ in range(5):
            with pytest.raises(RateLimitedError) as caught:
                limiter.check([Charge("read", owner)])
            waits.append(caught.value.extra["retry_after_s"])

        assert max(waits) <= UNIT_S

    def test_a_write_costs_two(self, limiter, owner):
        assert limiter.check([Charge("write", owner)]).remaining == 1
        with pytest.raises(RateLimitedError):
            limiter.check([Charge("write", owner)])

    def test_units_are_charged_as_so_many_requests(self, limiter, owner):
        assert limiter.check([Charge("read", owner, 2)]).remaining == 1
        with pytest.raises(RateLimitedError):
            limiter.check([Charge("read", owner, 2)])

    def test_what_costs_more_than_fits_takes_all_there_is(self, limiter, owner):
        assert limiter.check([Charge("read", owner, 500)]).remaining == 0
        with pytest.raises(RateLimitedError):
            limiter.check([Charge("read", owner)])

    def test_owners_and_classes_are_apart(self, limiter, owner):
        for _ in range(3):
            limiter.check([Charge("read", owner)])

        assert limiter.check([Charge("read", owner + "2")]).remaining == 2
        assert limiter.check([Charge("write", owner)]).remaining == 1

    def test_several_charges_are_made_together_or_not_at_all(self, limiter, owner):
        account = Charge.of_account(f"{owner}@example.com", "192.0.2.1")
        for address in ("a", "b"):
            limiter.check([Charge("login", f"{owner}{address}"), account])

        third = Charge("login", f"{owner}c")
        with pytest.raises(RateLimitedError):
            limiter.check([third, account])

        assert limiter.check([third]).remaining == 59

    def test_holds_across_processes(self, redis_url, limiter, owner):
        other = Limiter(redis_url, {"read": Limit(1 / UNIT_S, 3)})
        limiter.check([Charge("read", owner)])

        assert other.check([Charge("read", owner)]).remaining == 1

    def test_leaves_no_key_without_an_end(self, limiter, owner):
        limiter.check([Charge("read", owner)])

        left_ms = limiter._redis.pttl(f"limit:read:{owner}")

        assert 0 < left_ms <= UNIT_S * 1_000 + 100
