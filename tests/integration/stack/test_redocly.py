"""The linter of the description: what it refuses, and what is said without it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.redocly import program

ROOT = Path(__file__).parents[3]


def described(**operation):
    """A description with one operation, which has no fault of its own."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Things",
            "version": "1",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": "things", "description": "Things."}],
        "paths": {
            "/things": {
                "post": {
                    "operationId": "post_things",
                    "summary": "Post things.",
                    "tags": ["things"],
                    "security": [],
                    "responses": {
                        "303": {"description": "Go on there."},
                        "400": {"description": "They cannot be read."},
                    },
                    **operation,
                }
            }
        },
    }


@pytest.fixture
def lint(tmp_path):
    def run(document):
        path = tmp_path / "openapi.json"
        path.write_text(json.dumps(document))
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "stack.redocly", str(path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


class TestLinter:
    def test_takes_what_is_well_described(self, lint):
        ended = lint(described())

        assert ended.returncode == 0, ended.stdout + ended.stderr

    def test_refuses_what_the_recommended_rules_warn_of(self, lint):
        ended = lint(described(responses={"303": {"description": "Go on there."}}))

        assert ended.returncode == 1
        assert "operation-4xx-response" in ended.stdout

    def test_refuses_an_operation_that_never_succeeds(self, lint):
        ended = lint(described(responses={"400": {"description": "No."}}))

        assert ended.returncode == 1
        assert "operation-success-response" in ended.stdout

    def test_says_what_it_could_not_fetch(self, tmp_path, monkeypatch):
        monkeypatch.setattr(program, "programs_directory", lambda: tmp_path)
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

        with pytest.raises(StackError, match=r"Node\.js could not be fetched"):
            program.ensure_linter()
