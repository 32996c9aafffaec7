import pytest
import redis

from chassis.errors import RateLimitedError, UnavailableError
from gateway_flask.limits import Charge, Limit, Limiter, limits_from_settings

LIMITS = {
    "read": Limit(1_000, 5_000),
    "login": Limit(1, 60),
    "account": Limit(1 / 6, 10),
}
ACCOUNT = Charge.of_account("a@b.example", "1.2.3.4")


class FakeScript:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []

    def __call__(self, keys, args):
        self.calls.append((keys, args))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def limiter_with(*answers, on_unchecked=lambda _: None):
    limiter = Limiter("redis://127.0.0.1:1/0", LIMITS, on_unchecked)
    limiter._script = FakeScript(*answers)
    return limiter


class TestLimit:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2000/s burst 4000", Limit(2_000, 4_000)),
            ("30/min burst 5", Limit(0.5, 5)),
            ("3600/h burst 1", Limit(1, 1)),
        ],
    )
    def test_is_read_from_a_setting(self, text, expected):
        assert expected == Limit.parse(text)

    @pytest.mark.parametrize(
        "text", ["", "10", "10/day burst 1", "0/s burst 1", "1/s burst 0", "-1/s"]
    )
    def test_refuses_what_it_cannot_read(self, text):
        with pytest.raises(ValueError, match="is not a limit"):
            Limit.parse(text)

    def test_every_class_has_a_default(self):
        limits = limits_from_settings()

        assert set(limits) == {
            "read",
            "write",
            "public",
            "login",
            "account",
            "reset",
            "register",
            "network",
        }

    def test_a_setting_replaces_the_default(self, monkeypatch):
        monkeypatch.setenv("LIMIT_READ", "7/s burst 9")

        assert limits_from_settings()["read"] == Limit(7, 9)


class TestCheck:
    def test_tells_what_is_left(self):
        limiter = limiter_with([1, b"4999000", b"1000", 0, 0])

        verdict = limiter.check([Charge("read", "me")])

        assert (5_000, 4_999, 1) == (verdict.limit, verdict.remaining, verdict.reset_s)

    def test_refuses_with_the_time_to_wait(self):
        limiter = limiter_with([2, -1, b"60000000", b"5500000", 7])
        charges = [Charge("login", "1.2.3.4"), ACCOUNT]

        with pytest.raises(RateLimitedError) as caught:
            limiter.check(charges)

        assert caught.value.extra == {"retry_after_s": 6, "limit": 10, "reset_s": 60}

    def test_asks_once_for_all_charges(self):
        limiter = limiter_with([1, 0, 0, 0, 0])
        limiter.check([Charge("login", "1.2.3.4"), ACCOUNT])

        keys, arguments = limiter._script.calls[0]

        assert len(limiter._script.calls) == 1
        assert keys[0] == "limit:login:1.2.3.4"
        assert arguments == [1_000_000, 60_000_000, 6_000_000, 60_000_000]

    def test_an_account_is_known_by_its_hash(self):
        assert Charge.of_account(" A@B.example", "1.2.3.4") == ACCOUNT
        assert "@" not in ACCOUNT.owner
        assert "1.2.3.4" not in ACCOUNT.owner

    def test_an_account_is_another_for_each_client(self):
        assert Charge.of_account("a@b.example", "5.6.7.8") != ACCOUNT

    def test_an_account_is_the_same_from_all_of_a_subnet(self):
        of_one = Charge.of_account("a@b.example", "2001:db8::1")

        assert Charge.of_account("a@b.example", "2001:db8::2") == of_one
        assert Charge.of_account("a@b.example", "2001:db8:0:1::1") != of_one

    def test_a_client_is_known_by_its_place_and_network(self):
        address = "2001:db8:0:1::2"

        assert Charge.of_client("login", address) == Charge(
            "login", "2001:db8:0:1::/64"
        )
        assert Charge.of_network(address) == Charge("network", "2001:db8::/56")

    def test_a_class_without_a_limit_is_free(self):
        assert limiter_with().check([Charge("none", "me")]) is None


class TestWithoutRedis:
    def test_requests_pass_and_are_counted(self):
        counted = []
        limiter = limiter_with(redis.TimeoutError(), on_unchecked=counted.append)

        assert limiter.check([Charge("read", "me")]) is None
        assert counted == ["read"]

    def test_login_does_not_pass(self):
        limiter = limiter_with(redis.ConnectionError())

        with pytest.raises(UnavailableError, match="login_unavailable"):
            limiter.check([Charge("login", "1.2.3.4")])

    def test_the_next_requests_do_not_wait_for_it(self):
        limiter = limiter_with(redis.TimeoutError())

        for _ in range(5):
            limiter.check([Charge("read", "me")])

        assert len(limiter._script.calls) == 1
        assert not limiter.ping()

    def test_it_is_asked_again_after_a_while(self):
        limiter = limiter_with(redis.TimeoutError(), [1, 5_000_000, 0, 0, 0])
        limiter.check([Charge("read", "me")])
        limiter._away_until = 0.0

        assert limiter.check([Charge("read", "me")]).remaining == 5_000

    def test_the_log_is_not_flooded(self, caplog):
        limiter = limiter_with(redis.TimeoutError(), redis.TimeoutError())

        for _ in range(2):
            limiter._away_until = 0.0
            limiter.check([Charge("read", "me")])

        assert len(caplog.records) == 1


class TestCharges:
    def test_a_caller_is_charged_as_member_of_an_org(self, client, limiter):
        client.get("/v1/me")

        charge = limiter.charges[0][0]

        assert charge.limit == "read"
        assert charge.owner.count(":") == 1

    @pytest.mark.parametrize(
        ("path", "units"),
        [
            ("/v1/contacts", 1),
            ("/v1/contacts?include=count", 5),
            ("/v1/contacts?limit=1&incl%75de=%63ount", 5),
            ("/v1/search?q=a", 5),
        ],
    )
    def test_a_read_costs_what_is_asked(self, client, limiter, path, units):
        client.get(path)

        assert limiter.charges[0][0].units == units

    @pytest.mark.parametrize(
        ("body", "units"),
        [
            ({"operations": [{}] * 7}, 7),
            ({"operations": []}, 1),
            ({"operations": 7}, 1),
            ({}, 1),
        ],
    )
    def test_a_batch_costs_its_rows(self, client, limiter, body, units):
        client.post("/v1/contacts/batch", json=body)

        (charge,) = limiter.charges[0]
        assert (charge.limit, charge.units) == ("write", units)

    def test_what_is_not_there_is_charged_to_the_address(self, client, limiter):
        answer = client.get("/v1/nothing")

        assert answer.status_code == 404
        assert limiter.charges[0] == [Charge("public", "127.0.0.1")]
        assert "RateLimit-Remaining" in answer.headers

    def test_a_login_is_charged_to_address_and_account(self, anonymous, limiter):
        anonymous.post("/v1/auth/login", json={"email": "a@b.example"})

        assert limiter.charges[0] == [
            Charge("login", "127.0.0.1"),
            Charge.of_account("a@b.example", "127.0.0.1"),
        ]

    def test_a_forgotten_password_is_charged_apart(self, anonymous, limiter):
        anonymous.post("/v1/auth/password-reset", json={"email": "a@b.example"})

        assert limiter.charges[0] == [Charge("reset", "127.0.0.1")]

    def test_an_unreadable_login_is_charged_to_its_address(self, anonymous, limiter):
        answer = anonymous.post("/v1/auth/login", data=b"{")

        assert answer.status_code == 415
        assert limiter.charges[0] == [Charge("login", "127.0.0.1")]

    def test_every_limited_answer_says_what_is_left(self, client):
        answer = client.get("/v1/me")

        assert answer.headers["RateLimit-Limit"] == "10"
        assert answer.headers["RateLimit-Remaining"] == "9"
        assert answer.headers["RateLimit-Reset"] == "1"

    def test_a_refusal_is_429(self, client, limiter, bus):
        limiter.refusal = RateLimitedError(
            "rate_limited", "", '{"retry_after_s": 6, "limit": 10, "reset_s": 60}'
        )

        answer = client.get("/v1/me")

        assert (429, "rate_limited") == (answer.status_code, answer.json["code"])
        assert answer.headers["Retry-After"] == "6"
        assert answer.headers["RateLimit-Remaining"] == "0"
        assert bus.calls == []
