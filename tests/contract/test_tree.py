"""The tree itself: the same rooms in each service, and nothing secret."""

import re
import subprocess
from pathlib import Path

import pytest

from stack.principals import SERVICES

ROOT = Path(__file__).parents[2]
ALWAYS = {"__init__", "domain", "handlers", "repository", "schemas", "service"}
OPTIONAL = {"clients", "events", "jobs", "projections"}
SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]"),
    "a password": re.compile(
        r"""\b(?:pass(?:word|wd)|secret|api_?key)\s*[:=]\s*["'][^"'{}$<]{6,}["']""",
        re.IGNORECASE,
    ),
    "a URI with a password": re.compile(
        r"\b(?:pyamqp|amqps?|mongodb|rediss?|smtps?)://[^\s:/@{}$<]*:(?!password@)[^\s@{}$<…]{4,}@"
    ),
    "a token": re.compile(r"\beyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\."),
}

# Whole families of words, as far as they can be told apart from others.
BRITISH = re.compile(
    r"\b\w*(organis|recognis|authoris|initialis|normalis|serialis|summaris"
    r"|behaviour|neighbour|favour|colour|honour)",
    re.IGNORECASE,
)


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [name for name in listed.stdout.split("\0") if name]


class TestServices:
    @pytest.mark.parametrize("service", SERVICES)
    def test_have_the_same_rooms(self, service):
        rooms = {
            path.stem
            for path in (ROOT / f"svc_{service}").iterdir()
            if path.suffix == ".py" or (path / "__init__.py").is_file()
        }

        assert rooms >= ALWAYS
        assert rooms <= ALWAYS | OPTIONAL

    @pytest.mark.parametrize("service", SERVICES)
    def test_say_at_the_door_what_they_own(self, service):
        source = (ROOT / f"svc_{service}" / "__init__.py").read_text()

        for part in ("Owns:", "RPCs:", "Events out:", "Events in:"):
            assert part in source


class TestFiles:
    @pytest.mark.parametrize("kind", SECRETS)
    def test_hold_no_secret(self, kind):
        found = [
            name
            for name in tracked()
            if not name.startswith("tests/")
            and (ROOT / name).is_file()
            and SECRETS[kind].search((ROOT / name).read_text(errors="ignore"))
        ]

        assert found == []

    def test_are_in_american_spelling(self):
        texts = {
            name: (ROOT / name).read_text(errors="ignore")
            for name in tracked()
            if (ROOT / name).is_file() and name != "tests/contract/test_tree.py"
        }
        found = [
            f"{name}: {match.group()}"
            for name, text in texts.items()
            for match in BRITISH.finditer(text)
        ]

        assert found == []
