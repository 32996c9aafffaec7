import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from chassis.errors import UnauthenticatedError, UnavailableError
from gateway_flask.tickets import Tickets

pytestmark = pytest.mark.integration

TOKEN = "head.body.signature"  # noqa: S105 - opens nothing


@pytest.fixture
def redis_url(secret):
    return secret("gateway", "redis_state_url")


@pytest.fixture
def tickets(redis_url):
    return Tickets(redis_url)


def kept(store):
    return set(store.scan_iter("stream-ticket:*"))


def code_of(tickets, ticket):
    with pytest.raises(UnauthenticatedError) as caught:
        tickets.redeem(ticket)
    return caught.value.code


class TestTickets:
    def test_give_the_token_once(self, tickets):
        ticket = tickets.issue(TOKEN)

        assert tickets.redeem(ticket) == TOKEN
        assert code_of(tickets, ticket) == "ticket_invalid"

    def test_give_it_to_one_of_many_who_ask_at_once(self, redis_url):
        ticket = Tickets(redis_url).issue(TOKEN)
        start = threading.Barrier(8)

        def ask(_):
            tickets = Tickets(redis_url)
            start.wait()
            try:
                return tickets.redeem(ticket)
            except UnauthenticatedError:
                return None

        with ThreadPoolExecutor(8) as pool:
            given = list(pool.map(ask, range(8)))

        assert given.count(TOKEN) == 1

    def test_grow_old(self, redis_url, until):
        tickets = Tickets(redis_url, lifetime_s=0.05)
        with redis.Redis.from_url(redis_url) as store:
            others = kept(store)
            ticket = tickets.issue(TOKEN)
            until(lambda: kept(store) <= others)

        assert code_of(tickets, ticket) == "ticket_invalid"

    @pytest.mark.parametrize("ticket", ["", "x", "é" * 43, "x" * 43, "x" * 100_000])
    def test_that_were_never_given_are_refused(self, tickets, ticket):
        assert code_of(tickets, ticket) == "ticket_invalid"

    def test_keep_nothing_in_the_store_that_opens_anything(self, tickets, redis_url):
        ticket = tickets.issue(TOKEN)
        with redis.Redis.from_url(redis_url) as store:
            found = b"".join(key + (store.get(key) or b"") for key in kept(store))

        assert found
        assert ticket.encode() not in found
        assert b"signature" not in found

    def test_are_not_to_be_had_without_the_store(self):
        tickets = Tickets("redis://127.0.0.1:1")

        with pytest.raises(UnavailableError):
            tickets.issue(TOKEN)
        with pytest.raises(UnavailableError):
            tickets.redeem("x" * 43)
