"""Guessing passwords takes longer and longer, but locks nobody out.

Over the bus: the gateway limits logins of one address before svc_auth does.
"""

import statistics
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.errors import RateLimitedError, UnauthenticatedError, WireError
from chassis.rpc_client import RpcClient

pytestmark = pytest.mark.integration

OWN, OTHER = "192.0.2.1", "198.51.100.7"
FREE_FAILURES = 5
# How far apart they may be that somebody could tell by the time: of a login.
LEAST_USE = 0.05


@pytest.fixture
def log_in(status):
    """The error that a login ends with, if it does."""
    client = RpcClient(status["amqp_uri"], "operator")

    def attempt(email, password, address=OTHER):
        payload = {"email": email, "password": password}
        try:
            client.call(
                "auth",
                "login",
                kwargs={"payload": payload},
                context={"address": address},
                timeout_s=10,
            )
        except WireError as error:
            return error
        return None

    yield attempt
    client.close()


@pytest.fixture
def owner(client):
    return client.credentials["email"], client.credentials["password"]


def guess(log_in, email, times):
    return [log_in(email, f"wrong horse {each}") for each in range(times)]


class TestGuessing:
    @pytest.mark.parametrize("is_known", [True, False])
    def test_is_delayed_alike_for_accounts_that_are_there_and_are_not(
        self, log_in, owner, is_known
    ):
        email = owner[0] if is_known else f"{uuid.uuid4().hex}@example.test"
        errors = guess(log_in, email, FREE_FAILURES + 1)
        delayed = log_in(email, owner[1])

        assert {each.code for each in errors} == {"credentials_invalid"}
        assert isinstance(delayed, RateLimitedError)
        assert delayed.code == "login_delayed"
        assert delayed.extra == {"retry_after_s": 1}

    def test_does_not_lock_the_owner_out_for_good(self, log_in, owner, until):
        guess(log_in, owner[0], FREE_FAILURES + 1)

        until(lambda: log_in(*owner) is None, within_s=5)
        errors = guess(log_in, owner[0], FREE_FAILURES)
        assert {each.code for each in errors} == {"credentials_invalid"}

    def test_does_not_delay_the_owner_at_a_known_address(self, log_in, owner):
        assert log_in(*owner, address=OWN) is None
        guess(log_in, owner[0], FREE_FAILURES + 1)

        assert isinstance(log_in(*owner, address=OTHER), RateLimitedError)
        assert log_in(*owner, address=OWN) is None

    def test_at_fifty_a_second_gets_few_tries(self, log_in, owner):
        email, _ = owner
        began = time.monotonic()
        with ThreadPoolExecutor(10) as pool:
            errors = list(
                pool.map(lambda each: log_in(email, f"wrong {each}"), range(100))
            )
        took = time.monotonic() - began
        looked_at = [e for e in errors if isinstance(e, UnauthenticatedError)]

        assert None not in errors
        # Those under way together when the sixth is counted are still looked at.
        assert len(looked_at) <= FREE_FAILURES + 10 + 2 * took


class TestTime:
    def test_does_not_tell_who_is_registered(
        self, log_in, newcomer, record_testsuite_property
    ):
        """In turn, so that whatever else the machine does hits both alike."""
        known = [newcomer().credentials["email"] for _ in range(12)]
        unknown = [f"{uuid.uuid4().hex}@example.test" for _ in known]
        log_in(unknown[0], "to get going")
        differences, times = [], []
        for number in range(FREE_FAILURES):
            for pair in zip(known, unknown, strict=True):
                took = [timed(log_in, email, f"wrong {number}") for email in pair]
                differences.append(took[0] - took[1])
                times += took
        typical = statistics.median(times)
        difference = statistics.median(differences)
        record_testsuite_property("login_ms", round(1_000 * typical, 2))
        record_testsuite_property("known_minus_unknown_ms", 1_000 * difference)

        assert abs(difference) < LEAST_USE * typical


def timed(log_in, email, password):
    began = time.perf_counter()
    error = log_in(email, password)
    took = time.perf_counter() - began
    assert error.code == "credentials_invalid"
    return took
