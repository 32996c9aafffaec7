"""What the description promises holds at the front door."""

import copy
import http.client
import json
import os
import re
import subprocess
import sys
import uuid
from functools import partial
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from authenticators import Authenticator, early_in_a_step, turn_on
from descriptions import DOCUMENT, check_answer, example_of, operations, resolved
from letters import links_to
from members import recruit
from waiting import until

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
OPERATIONS = [
    pytest.param(*each, id=each[2]["operationId"])
    for each in operations()
    # Those of applications and pages are tried in ``test_openapi_forms``, and what
    # is not done yet is ended in ``test_bulk_updates``.
    if each[2]["operationId"] != "cancel_bulk_update"
    and not set(each[2]["tags"]) & {"account_pages", "device_pages", "oauth", "sign_in"}
]
# What paths name that is no record.
THERE = {"name": "start.js", "resource": "contacts", "code": "not_found"}
# How long the search for something undocumented goes on when every operation was
# tried by itself, and from where it begins: `SCHEMATHESIS_S=600
# SCHEMATHESIS_SEED=7` looks further.
SEARCH_S = int(os.environ.get("SCHEMATHESIS_S", "30"))
# To try them takes an idle machine half a minute.
LONGEST_S = 1_200
SEED = os.environ.get("SCHEMATHESIS_SEED", "1")


OF_MANUAL_SEGMENTS = ("add_segment_members", "remove_segment_members")


class Examples:
    """The examples of the description, referring to records that are there."""

    def __init__(self, client):
        self._client = client

    def address(self, path, operation):
        """The path with ids, and with the parameters that it needs."""
        query = {}
        for parameter in map(resolved, operation["parameters"]):
            if parameter["in"] == "path":
                found = self._path_parameter(parameter["name"], operation)
                path = path.replace(f"{{{parameter['name']}}}", found)
            elif parameter.get("required"):
                query[parameter["name"]] = parameter["schema"]["examples"][0]
        return f"{path}?{urlencode(query)}" if query else path

    def _path_parameter(self, name, operation):
        if name in THERE:
            return THERE[name]
        if operation["operationId"] in OF_MANUAL_SEGMENTS:
            return self._manual_segment()
        found = self._made(name.removesuffix("_id"))
        if operation["operationId"].startswith("restore_"):
            path = f"/v1/{operation['tags'][0]}/{found}"
            assert self._client("DELETE", path)[0] == 204
        if operation["operationId"] == "convert_lead":
            assert self._client("POST", f"/v1/leads/{found}/qualify")[0] == 200
        return found

    def _made(self, noun):
        if noun == "delivery":
            return until(self._delivery)
        own = {
            "session": self._session,
            "key": self._key,
            "user": self._client.recruit,
            "opportunity": self._opportunity,
            "bulk_update": self._bulk_update,
            "operation": self._operation,
        }
        if noun in own:
            return own[noun]()
        path = f"/v1/{noun.replace('_', '-')}s"
        payload = self.payload(DOCUMENT["paths"][path]["post"])
        code, made, _ = self._client("POST", path, payload)
        assert code == 201, made
        if noun == "service_account":
            # What follows in the path is its own.
            self._account = made["id"]
        return made["id"]

    def _manual_segment(self):
        terms = {"resource": "contacts", "kind": "manual", "name": uuid.uuid4().hex}
        return self._client("POST", "/v1/segments", terms)[1]["id"]

    def _session(self):
        self._refresh_token()
        return self._client("GET", "/v1/sessions")[1]["data"][0]["id"]

    def _key(self):
        path = f"/v1/service-accounts/{self._account}/keys"
        return self._client("POST", path, {"name": "A key"})[1]["id"]

    def _opportunity(self):
        lead = f"/v1/leads/{self._made('lead')}"
        assert self._client("POST", f"{lead}/qualify")[0] == 200
        return self._client("POST", f"{lead}/convert")[1]["opportunity_id"]

    def _bulk_update(self):
        """One that has changed something."""
        payload = {"resource": "contacts", "filter": {"source": uuid.uuid4().hex}}
        own = {**payload["filter"], "last_name": "Hopper"}
        assert self._client("POST", "/v1/contacts", own)[0] == 201
        payload["changes"] = {"job_title": "Admiral"}
        code, made, _ = self._client("POST", "/v1/bulk-updates", payload)
        assert code == 202, made
        path = f"/v1/bulk-updates/{made['id']}"
        until(lambda: self._client("GET", path)[1]["finished_at"])
        return made["id"]

    def _operation(self):
        path = f"/v1/contacts/{self._made('contact')}/history"
        rows = until(lambda: self._client("GET", path)[1]["data"])
        return rows[0]["operation_id"]

    def _delivery(self):
        rows = self._client("GET", "/v1/deliveries")[1]["data"]
        return rows and rows[0]["id"]

    def payload(self, operation):
        if "requestBody" not in operation:
            return None
        value = example_of(operation, "application/json")
        if operation["operationId"].startswith("batch_"):
            (noun,) = {tag.removesuffix("s") for tag in operation["tags"]}
            made = self._made(noun)
            value["operations"] = [
                {**row, "id": made} if "id" in row else row
                for row in value["operations"]
            ]
        return self._referring(value, operation["operationId"])

    def _referring(self, value, name):
        """The value with ids, addresses and tokens that are there."""
        if isinstance(value, list):
            return [self._referring(each, name) for each in value]
        if not isinstance(value, dict):
            return value
        value = {key: self._referring(each, name) for key, each in value.items()}
        there = {
            "contact_id": lambda: self._made("contact"),
            "key": lambda: f"k{uuid.uuid4().hex[:20]}",
            "org_id": lambda: self._client("GET", "/v1/orgs/current")[1]["id"],
            "refresh_token": self._refresh_token,
        }
        there |= self._own(name)
        return {key: there[key]() if key in there else value[key] for key in value}

    def _own(self, name):
        """What of an operation's example is one's own, or nobody's."""
        credentials, given = self._client.credentials, self._client
        own = {key: partial(credentials.get, key) for key in ("email", "password")}
        current = {"current_password": own["password"]}
        return {
            "begin_totp": {"current_password": self._turned_off},
            "confirm_totp": {"otp": self._first_code},
            "remove_totp": {**current, "otp": self._recovery_code},
            "replace_recovery_codes": {**current, "otp": self._recovery_code},
            "change_password": {**current, "password": own["password"]},
            "confirm_password_reset": {"token": given.reset_token},
            "add_segment_members": {"ids": lambda: [self._made("contact")]},
            "remove_segment_members": {"ids": lambda: [self._made("contact")]},
            "create_segment": {"name": lambda: f"Segment {uuid.uuid4().hex}"},
            "create_team": {"name": lambda: f"Team {uuid.uuid4().hex[:20]}"},
            "login": own,
            "accept_invitation": {"token": given.invitation_token},
            "create_invitation": {"email": lambda: f"{uuid.uuid4().hex}@example.test"},
            "preview_invitation": {"token": given.invitation_token},
            "register_org": {"email": lambda: f"{uuid.uuid4().hex}@example.test"},
            "request_email_change": current,
            "switch_org": {"org_id": given.another_org},
            "transfer_org": {**current, "user_id": self._client.recruit},
            "verify_email": {"token": given.verification_token},
        }.get(name, {})

    def _turned_off(self):
        """The password of somebody who has no second factor, or none any more."""
        own = {"current_password": self._client.credentials["password"]}
        if self._client("GET", "/v1/auth/mfa")[1]["is_on"]:
            path = "/v1/auth/mfa/totp/remove"
            payload = {**own, "otp": self._client.authenticator.code()}
            assert self._client("POST", path, payload)[0] == 204
        return own["current_password"]

    def _first_code(self):
        own = {"current_password": self._turned_off()}
        begun = self._client("POST", "/v1/auth/mfa/totp", own)[1]
        self._client.authenticator = Authenticator(begun["secret"])
        early_in_a_step()
        return self._client.authenticator.code(-1)

    def _recovery_code(self):
        if not self._client("GET", "/v1/auth/mfa")[1]["is_on"]:
            self._client.authenticator, codes = turn_on(self._client)
            return codes[0]
        return self._client.authenticator.code()

    def _refresh_token(self):
        login = self._client("POST", "/v1/auth/login", self._client.credentials)
        return login[1]["refresh_token"]


def ask(client, method, path, payload):
    """Status, headers and body; of a stream its first line."""
    connection = http.client.HTTPConnection(client._address, timeout=20)
    headers = {
        "Authorization": f"Bearer {client.token}",
        "Content-Type": "application/json",
    }
    body = None if payload is None else json.dumps(payload).encode()
    connection.request(method.upper(), path, body, headers)
    response = connection.getresponse()
    media_type = (response.headers["Content-Type"] or "").partition(";")[0]
    is_stream = media_type == "text/event-stream"
    text = response.readline() if is_stream else response.read()
    connection.close()
    return response.status, response.headers, text


def operations_tested(output):
    """As Schemathesis counts them, which leaves out the one it reads."""
    return int(re.search(r"Tested: (\d+)", output)[1])


@pytest.fixture(scope="module")
def member(status, newcomer):
    member = newcomer()

    def token_of(page, path, payload=None):
        somebody = newcomer()
        payload = payload and {"email": somebody.email}
        assert somebody("POST", path, payload)[0] == 202
        ((_, token),) = until(lambda: links_to(status, somebody.email, page))
        return token

    def invitation_token():
        payload = {"email": f"{uuid.uuid4().hex}@example.test", "roles": ["analyst"]}
        assert member("POST", "/v1/invitations", payload)[0] == 201
        ((_, token),) = until(lambda: links_to(status, payload["email"]))
        return token

    def another_org():
        own = member.tokens, member.token
        host = newcomer()
        recruit(status, lambda: member, host, "analyst")
        member.tokens, member.token = own
        return host("GET", "/v1/me")[1]["org_id"]

    member.another_org = another_org
    member.invitation_token = invitation_token
    reset = "new-password", "/v1/auth/password-reset", {"email": ""}
    member.reset_token = lambda: token_of(*reset)
    verify = "verify-email", "/v1/me/email-verification"
    member.verification_token = lambda: token_of(*verify)
    member.recruit = lambda: recruit(status, newcomer, member, "analyst").user_id
    return member


class TestExamples:
    @pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
    def test_are_answered_as_described(self, member, method, path, operation):
        examples = Examples(member)
        address = examples.address(path, operation)
        status, headers, text = ask(
            member, method, address, examples.payload(operation)
        )

        assert 200 <= status < 300, text
        check_answer(operation, status, headers, text)
        if operation["operationId"].startswith("batch_"):
            assert json.loads(text)["summary"]["failed"] == 0, text


class TestEverythingElse:
    """A search for answers that are not described, by Schemathesis."""

    def run(self, status, tmp_path, *options):
        command = [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(ROOT / "tests/e2e/schemathesis.toml")),
            *("run", f"{status['gateway']}/openapi.json", "--seed", SEED),
            *options,
        ]
        done = subprocess.run(  # noqa: S603 - our own arguments
            command,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=LONGEST_S + SEARCH_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
        return done.stdout

    @pytest.fixture
    def search(self, status, member, tmp_path):
        """What is said of a search for a member, in some phases."""

        def run(*options):
            return self.run(
                status,
                tmp_path,
                *("--header", f"Authorization: Bearer {member.token}"),
                # It does not end, and has tests of its own.
                *("--exclude-operation-id", "open_stream"),
                *options,
            )

        return run

    def test_is_described_for_members(self, search):
        output = search("--phases", "examples,fuzzing")

        assert operations_tested(output) >= len(operations()) - 2

    def test_is_described_for_members_who_go_on(self, search):
        """One request after another, each with what the one before has made."""
        output = search("--phases", "stateful", "--max-time", str(SEARCH_S))

        assert operations_tested(output) > 0

    def test_is_described_for_strangers(self, status, tmp_path):
        output = self.run(
            status,
            tmp_path,
            *("--phases", "fuzzing"),
            *("--max-examples", "2"),
        )

        assert operations_tested(output) >= len(operations()) - 1

    def test_that_is_not_described_is_found(self, status, tmp_path):
        """The search is worth something only if it can fail."""
        document = copy.deepcopy(DOCUMENT)
        responses = document["paths"]["/v1/me"]["get"]["responses"]
        del responses["401"]
        (tmp_path / "openapi.json").write_text(json.dumps(document))
        address = urlsplit(status["gateway"])
        done = subprocess.run(  # noqa: S603 - our own arguments
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("run", "openapi.json", "--url", address.geturl()),
                *("--include-operation-id", "get_me", "--max-examples", "1"),
                *("--phases", "fuzzing", "--checks", "status_code_conformance"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert done.returncode == 1
        assert "Received: 401" in done.stdout
