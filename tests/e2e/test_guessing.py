"""Whoever guesses at an account must not keep its owner out.

Clients at several addresses, as a proxy in front of the gateway tells of them.
"""

import json
import uuid

import pytest
from gateways import Gateway, request
from letters import links_to
from waiting import until

pytestmark = pytest.mark.e2e

OWN, OTHER, THIRD = "192.0.2.1", "198.51.100.7", "203.0.113.200"
LOGIN, RESET = "/v1/auth/login", "/v1/auth/password-reset"
REGISTER = "/v1/auth/register-org"
# Fewer than a polling client asks for, and of which hardly any come back.
SLOTS = 7


@pytest.fixture
def ask(processes):
    """Asks as a client at some address: status and code."""
    few = f"1/min burst {SLOTS}"
    limits = {"LIMIT_ACCOUNT": few, "LIMIT_NETWORK": few, "TRUSTED_PROXIES": "1"}
    with Gateway(like=processes()["gateway"]["pid"], **limits) as gateway:

        def post(path, payload, address):
            asked = request(path, body=json.dumps(payload), address=address)
            status, _, body = gateway.ask(asked)
            return status, json.loads(body).get("code") if status >= 400 else None

        yield post


@pytest.fixture
def poll(ask, client):
    """Guesses from elsewhere until the gateway refuses to hear more from there."""
    wrong = {**client.credentials, "password": "wrong horse"}

    def poll():
        codes = [ask(LOGIN, wrong, OTHER)[1] for _ in range(2 * SLOTS)]
        assert codes[0] == "credentials_invalid"
        assert set(codes[SLOTS:]) == {"rate_limited"}

    return poll


@pytest.fixture
def site():
    """Others than when the test ran last: what is used up is remembered."""
    return f"2001:db8:{uuid.uuid4().hex[:4]}"


class TestKnownAddresses:
    def test_are_forgotten_with_a_squatter(self, ask, client, poll, status):
        """Who registered with an address of somebody else's, and logged in so."""
        assert ask(LOGIN, client.credentials, OWN) == (200, None)
        ask(RESET, {"email": client.email}, THIRD)
        ((_, token),) = until(lambda: links_to(status, client.email, "new-password"))
        chosen = {"token": token, "password": "a new and secret one"}
        assert ask(f"{RESET}/confirm", chosen, THIRD) == (204, None)
        poll()

        guess = {**client.credentials, "password": "wrong horse"}
        until(lambda: ask(LOGIN, guess, OWN)[1] == "login_delayed")
        owns = {"email": client.email, "password": chosen["password"]}
        assert ask(LOGIN, owns, THIRD) == (200, None)


class TestPolling:
    def test_keeps_nobody_out_at_an_address_of_theirs(self, ask, client, poll):
        assert ask(LOGIN, client.credentials, OWN) == (200, None)
        poll()

        assert ask(LOGIN, client.credentials, OWN) == (200, None)

    def test_from_many_addresses_gets_no_more_tries(self, ask, client, poll):
        poll()
        wrong = {**client.credentials, "password": "wrong horse"}
        codes = {ask(LOGIN, wrong, f"203.0.113.{each}")[1] for each in range(SLOTS)}

        assert "login_delayed" in codes
        assert codes <= {"login_delayed", "credentials_invalid"}

    def test_leaves_the_way_to_a_new_password(self, ask, client, poll, status):
        poll()
        payload = {"email": client.email}

        assert ask(RESET, payload, OTHER) == (202, None)
        assert ask(RESET, payload, THIRD) == (202, None)
        until(lambda: links_to(status, client.email, "new-password"))
        # Both asked within a minute, and one message is what comes of it.
        assert len(links_to(status, client.email, "new-password")) == 1


class TestRegistering:
    def test_tells_a_network_about_few_addresses(self, ask, client, site):
        names = {"org_name": "Acme", "name": "Eve"}
        taken = {**names, **client.credentials, "password": "wrong horse"}
        # Each from a subnet of its own, as every subscriber has several.
        network = [f"{site}:{each:x}::1" for each in range(SLOTS + 1)]
        codes = [ask(REGISTER, taken, address)[1] for address in network]

        assert codes == ["email_taken"] * SLOTS + ["rate_limited"]
        assert ask(REGISTER, taken, f"{site}:100::1") == (409, "email_taken")


class TestOfASubscriber:
    """One has 2⁶⁴ addresses of IPv6, and may come from another each time."""

    def test_takes_the_turns_of_one_client(self, ask, client, site):
        wrong = {**client.credentials, "password": "wrong horse"}
        codes = [
            ask(LOGIN, wrong, f"{site}:1::{each:x}")[1] for each in range(2 * SLOTS)
        ]

        assert set(codes[SLOTS:]) == {"rate_limited"}

    def test_is_known_where_they_logged_in(self, ask, client, poll, site):
        assert ask(LOGIN, client.credentials, f"{site}:1::1") == (200, None)
        poll()

        guess = {**client.credentials, "password": "wrong horse"}
        until(lambda: ask(LOGIN, guess, f"{site}:2::1")[1] == "login_delayed")
        assert ask(LOGIN, client.credentials, f"{site}:1::2") == (200, None)
