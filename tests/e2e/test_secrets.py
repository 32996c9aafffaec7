"""Nothing that opens a door is written down, whatever goes wrong on the way.

Several people at a time do all that involves a secret, right and wrong; then
every log and every row of every database is searched for what they used.
"""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from applications import REDIRECT, App
from authenticators import turn_on
from browsers import Browser, answer_of
from letters import links_to
from pymongo import MongoClient
from waiting import until

pytestmark = pytest.mark.e2e

PEOPLE = 4
SERVICES = ("auth", "customer", "sales", "analytics", "notify")


class Somebody:
    """A person, and every secret that they had in their hands."""

    def __init__(self, newcomer, status, provider):
        self.client = newcomer()
        self.status = status
        self.provider = provider
        self.personal = {self.client.credentials["email"]}
        self.secrets = {
            self.client.tokens["access_token"],
            self.client.tokens["refresh_token"],
        }

    def ask(self, method, path, payload=None, **sent):
        """The answer; again where an address may not do so for now."""
        status, answer, _ = self.client.patiently(method, path, payload, **sent)
        return [status, answer]

    def keep(self, *secrets):
        self.secrets |= set(secrets)

    def go_wrong(self):
        """Everything where it does not belong."""
        wrong = f"wrong-{uuid.uuid4().hex}"
        self.keep(wrong)
        credentials = {**self.client.credentials, "password": wrong}
        assert self.ask("POST", "/v1/auth/login", credentials)[0] == 401
        password = self.client.credentials["password"]
        broken = f'{{"password": "{password}", '.encode()
        assert self.ask("POST", "/v1/auth/login", raw=broken)[0] == 400
        assert self.ask("POST", "/v1/auth/login", {"password": [password]})[0] == 422
        assert self.ask("POST", "/v1/contacts", {password: password})[0] == 422
        in_url = quote(password)
        self.ask("GET", f"/v1/contacts?filter[{in_url}]={in_url}")
        self.ask("GET", f"/v1/contacts?cursor={self.client.token}")
        self.ask("GET", "/v1/me", Authorization=f"Bearer {self.client.token}x")
        self.ask("GET", f"/{self.client.token}")

    def renew(self):
        _, tokens = self.ask(
            "POST",
            "/v1/auth/refresh",
            {"refresh_token": self.client.tokens["refresh_token"]},
        )
        self.keep(tokens["access_token"], tokens["refresh_token"])
        self.client.tokens, self.client.token = tokens, tokens["access_token"]

    def have_programs(self):
        payload = {"name": "A program", "scope": ["contacts:read"]}
        _, made = self.ask("POST", "/v1/access-tokens", payload)
        self.keep(made["token"])
        bearer = f"Bearer {made['token']}"
        assert self.ask("GET", "/v1/contacts", Authorization=bearer)[0] == 200
        _, ticket = self.ask("POST", "/v1/stream-tickets", {})
        self.keep(ticket["ticket"])

    def have_applications(self):
        payload = {
            "name": "Mail merge",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile email contacts:read offline_access",
        }
        _, made = self.ask("POST", "/v1/oauth-clients", payload)
        app = App(
            self.provider,
            made,
            self.client.credentials,
            Browser(self.provider["issuer"]),
        )
        code = answer_of(app.let_in())["code"]
        assert app.exchange_code("not the code")[0] == 400
        _, tokens = app.exchange_code(code)
        self.keep(
            made["client_secret"],
            code,
            tokens["access_token"],
            tokens["refresh_token"],
            tokens["id_token"],
            *app.browser.session.cookies.values(),
        )

    def change_password(self):
        password = f"another one {uuid.uuid4().hex}"
        self.keep(password)
        payload = {
            "current_password": self.client.credentials["password"],
            "password": password,
        }
        assert self.ask("POST", "/v1/me/password", payload)[0] == 204
        self.client.credentials["password"] = password

    def forget_password(self):
        email = self.client.credentials["email"]
        assert self.ask("POST", "/v1/auth/password-reset", {"email": email})[0] == 202
        ((_, token),) = until(lambda: links_to(self.status, email, "new-password"))
        self.keep(token)
        assert self.ask("GET", f"/account/new-password?token={quote(token)}")[0] == 200
        password = f"a third one {uuid.uuid4().hex}"
        self.keep(password)
        payload = {"token": token, "password": password}
        path = "/v1/auth/password-reset/confirm"
        assert self.ask("POST", path, payload)[0] == 204
        assert self.ask("POST", path, payload)[0] == 422
        self.client.credentials["password"] = password
        _, tokens = self.ask("POST", "/v1/auth/login", self.client.credentials)
        self.keep(tokens["access_token"], tokens["refresh_token"])
        self.client.tokens, self.client.token = tokens, tokens["access_token"]

    def have_second_factor(self):
        _, recovery = turn_on(self.client)
        self.keep(*recovery)
        credentials = {**self.client.credentials, "otp": recovery[0]}
        assert self.ask("POST", "/v1/auth/login", credentials)[0] == 200
        assert self.ask("POST", "/v1/auth/login", credentials)[0] == 401

    def live(self):
        self.change_password()
        self.go_wrong()
        self.renew()
        self.have_programs()
        self.have_applications()
        self.forget_password()
        self.have_second_factor()
        return self


@pytest.fixture(scope="module")
def people(newcomer, status, provider):
    everybody = [Somebody(newcomer, status, provider) for _ in range(PEOPLE)]
    with ThreadPoolExecutor(PEOPLE) as pool:
        return list(pool.map(Somebody.live, everybody))


def needles(texts):
    """What to search for: texts as they are, as JSON and as URLs write them."""
    spelled = {
        spelling
        for text in texts
        for spelling in (text, json.dumps(text)[1:-1], quote(text, safe=""))
    }
    assert all(len(text) > 5 for text in spelled)
    return {text.encode() for text in spelled}


class TestSecrets:
    def test_are_in_no_log(self, people, status):
        wanted = needles(
            text for each in people for text in each.secrets | each.personal
        )
        logs = list((Path(status["mailbox"]).parent / "logs").iterdir())
        found = [
            (path.name, needle)
            for path in logs
            for content in [path.read_bytes()]
            for needle in wanted
            if needle in content
        ]

        assert logs
        assert found == []

    def test_are_in_no_database(self, people, status):
        """Tokens and codes by their hashes at most; passwords by argon2's."""
        wanted = needles(text for each in people for text in each.secrets)
        searched, found = 0, []
        with MongoClient(status["mongo_uri"]) as mongo:
            for database in (mongo[f"rapport_{name}"] for name in SERVICES):
                for name in database.list_collection_names():
                    for batch in database[name].find_raw_batches():
                        searched += 1
                        found += [(name, each) for each in wanted if each in batch]

        assert searched > len(SERVICES)
        assert found == []

    def test_would_be_found(self, people, status):
        """The search sees what is there: an address is in its person's row."""
        wanted = needles([people[0].client.credentials["email"]])
        with MongoClient(status["mongo_uri"]) as mongo:
            batches = list(mongo["rapport_auth"]["people"].find_raw_batches())

        assert any(needle in batch for needle in wanted for batch in batches)
