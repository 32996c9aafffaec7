"""What the processes write down about requests, and what they must not."""

import json
import uuid
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def logs(status):
    """What all processes have logged since the fixture was asked for."""
    directory = Path(status["mailbox"]).parent / "logs"
    begun = {path: path.stat().st_size for path in directory.glob("*.log")}

    def read():
        texts = {}
        for path in directory.glob("*.log"):
            with path.open("rb") as log:
                log.seek(begun.get(path, 0))
                texts[path.stem] = log.read().decode(errors="replace")
        return texts

    return read


def access_line(texts, request_id):
    """The gateway's line about one request, if it is there already, all of it."""
    for line in texts["gateway"].rpartition("\n")[0].splitlines():
        if request_id in line:
            found = json.loads(line)
            if found["logger"] == "gateway_flask.access_log":
                return found
    return None


class TestLogs:
    def test_say_who_asked_for_what_and_how_it_went(self, client, logs, until):
        _, me, _ = client("GET", "/v1/me")
        request_id = uuid.uuid4().hex
        client("GET", f"/v1/contacts/{me['id']}", X_Request_Id=request_id)
        line = until(lambda: access_line(logs(), request_id))

        assert line.pop("duration_ms") > 0
        assert line.pop("at")
        assert line == {
            "level": "info",
            "process": "gateway",
            "logger": "gateway_flask.access_log",
            "message": "request",
            "request_id": request_id,
            "method": "GET",
            "route": "/v1/contacts/<id:contact_id>",
            "status": 404,
            "org_id": me["org_id"],
            "principal_id": me["id"],
            "code": "contact_not_found",
        }

    def test_follow_a_request_into_the_services(self, client, logs, until):
        request_id = uuid.uuid4().hex
        client("POST", "/v1/contacts", {}, X_Request_Id=request_id)

        until(lambda: request_id in logs()["customer-rpc-1"])

    def test_never_say_what_was_said(self, client, logs, until):
        """Whether it is taken, refused, or makes no sense."""
        secret = f"s{uuid.uuid4().hex}"
        email = f"{secret}@example.test"
        last = uuid.uuid4().hex
        contact = {"last_name": secret, "email": email, "phone": f"+1 {secret}"}
        credentials = {"email": email, "password": secret}
        client("POST", "/v1/contacts", contact, Idempotency_Key=secret)
        client("POST", "/v1/contacts", {**contact, "nope": secret, secret: 1})
        client("POST", "/v1/contacts", {**contact, "email": secret})
        client("POST", "/v1/contacts", raw=f'{{"{secret}'.encode())
        client("POST", "/v1/auth/login", credentials)
        client("POST", "/v1/auth/refresh", {"refresh_token": secret})
        for path in (
            f"/v1/contacts?filter[email]={email}",
            f"/v1/contacts?filter[{secret}]=1",
            f"/v1/contacts?cursor={secret}",
            f"/v1/search?q={secret}",
            f"/v1/{secret}",
            f"/docs/assets/{secret}",
        ):
            client("GET", path)
        client("GET", f"/v1/stream?ticket={secret}", Authorization="none")
        for scheme in ("Bearer", "Bearer rpat_", "Basic"):
            client("GET", "/v1/me", Authorization=f"{scheme} {secret}")
        client("GET", "/v1/me", User_Agent=secret, Referer=f"http://x/{secret}")
        client("GET", "/v1/me", X_Consistency_Token=secret, If_None_Match=secret)
        client("GET", "/v1/me", X_Request_Id=last)
        until(lambda: access_line(logs(), last))
        texts = logs()

        assert [name for name, text in texts.items() if secret in text] == []
        assert [name for name, text in texts.items() if client.token in text] == []
        assert [
            name
            for name, text in texts.items()
            if client.tokens["refresh_token"] in text or client.email in text
        ] == []
