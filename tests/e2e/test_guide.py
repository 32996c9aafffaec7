"""What docs/http.md shows works as it stands; it opens the description, too."""

import http.client
import json
import os
import re
import shlex
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

pytestmark = pytest.mark.e2e

GUIDE = (Path(__file__).parents[2] / "docs/http.md").read_text()
COMMANDS = re.findall(r"^\$ (curl .+)$", GUIDE, re.MULTILINE)
# A stream does not end, and has tests of its own.
READS = re.findall(r"`GET (/v1/(?!stream)[^`<{]+)`", GUIDE)


def send(command):
    """Status and body of the answer to what a ``curl`` command sends."""
    _, *words = shlex.split(os.path.expandvars(command))
    headers, body, url = {}, None, ""
    while words:
        match words.pop(0):
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                body = words.pop(0).encode()
            case word if not word.startswith("-"):
                url = word
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    method = "GET" if body is None else "POST"
    target = f"{parts.path}?{quote(parts.query, safe='=&')}"
    connection.request(method, target.rstrip("?"), body, headers)
    response = connection.getresponse()
    status, text = response.status, response.read()
    connection.close()
    return status, json.loads(text)


@pytest.fixture
def shell(status, client, monkeypatch):
    """The variables that the guide's commands name."""
    monkeypatch.setenv("BASE", status["gateway"])
    monkeypatch.setenv("TOKEN", client.token)
    return client


class TestCommands:
    def test_work_one_after_another(self, shell):
        log_in, make, find = COMMANDS
        for name, given in (
            ("ada@example.com", shell.credentials["email"]),
            ("a long and secret one", shell.credentials["password"]),
        ):
            assert name in log_in
            log_in = log_in.replace(name, given)

        status, tokens = send(log_in)
        assert (status, tokens["token_type"]) == (200, "Bearer")

        status, made = send(make)
        assert (status, made["last_name"]) == (201, "Lovelace")

        status, found = send(find)
        assert (status, [row["id"] for row in found["data"]]) == (200, [made["id"]])


class TestPaths:
    @pytest.mark.parametrize("path", READS)
    def test_are_answered(self, client, path):
        assert client("GET", path)[0] == 200
