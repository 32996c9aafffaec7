import http.client
import json
import os
import signal
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import settings
from waiting import until

from stack.paths import StatePaths
from stack.status import collect_status

# The same examples each time, and no verdict on how fast a busy machine is.
# Look further with `pytest --hypothesis-profile=search`.
settings.register_profile("steady", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile("steady")


@pytest.fixture(name="until")
def _until():
    return until


class Client:
    """Talks HTTP to the gateway, as one member of one organization."""

    def __init__(self, gateway):
        self._address = urlsplit(gateway).netloc
        self.token = None

    def __call__(self, method, path, payload=None, raw=None, **headers):
        sent = {"Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token and "Authorization" not in sent:
            sent["Authorization"] = f"Bearer {self.token}"
        body = raw if raw is not None else None
        if payload is not None:
            body = json.dumps(payload).encode()
        connection = http.client.HTTPConnection(self._address, timeout=20)
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        is_json = "json" in (response.headers["Content-Type"] or "")
        return response.status, json.loads(text) if is_json else text, response.headers

    def patiently(self, *asked, **headers):
        """The answer; asked again while a rate limit refuses, a minute at most."""

        def answered():
            found = self(*asked, **headers)
            problem = found[1] if isinstance(found[1], dict) else {}
            return problem.get("code") != "rate_limited" and found

        return until(answered, within_s=60)


@pytest.fixture(scope="session")
def status():
    path = os.environ.get("RAPPORT_STATUS_FILE")
    if not path:
        pytest.skip("RAPPORT_STATUS_FILE names no running stack")
    return json.loads(Path(path).read_text())


@pytest.fixture
def processes(status):
    """The stack's processes by name, as they are at each call."""
    paths = StatePaths(Path(status["mailbox"]).parent)
    return lambda: {each["name"]: each for each in collect_status(paths)["processes"]}


@pytest.fixture
def paused(processes):
    """Stops a process in its tracks: ``with paused("customer-rpc-1"): …``."""

    @contextmanager
    def pause(name):
        pid = processes()[name]["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            # It may have been killed meanwhile.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    return pause


@pytest.fixture(scope="session")
def newcomer(status):
    """Registers an organization of its own: ``newcomer()`` gives a client."""

    def register():
        client = Client(status["gateway"])
        client.email = f"{uuid.uuid4().hex}@example.test"
        client.credentials = {"email": client.email, "password": "correct horse"}
        names = {"org_name": "Acme", "name": "Ada"}
        # Each address may register so many in a minute; a test runs into it.
        code, tokens, _ = client.patiently(
            "POST", "/v1/auth/register-org", {**names, **client.credentials}
        )
        assert code == 201, tokens
        client.token = tokens["access_token"]
        client.tokens = tokens
        return client

    return register


@pytest.fixture
def client(newcomer):
    return newcomer()
