"""PyMongo, no longer made for eventlet, does under it what services need."""

import json
import re
import subprocess
import sys
import uuid

import pytest
from pymongo import MongoClient

from stack.paths import ROOT

pytestmark = pytest.mark.integration

SUITE = ROOT / "tests" / "support" / "pymongo_under_eventlet.py"
CHECKS = re.findall(r"^def check_(\w+)", SUITE.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def outcomes(status, secret):
    """What the suite said, run in one process where everything is patched."""
    host = status["mongo_uri"].rpartition("@")[2].partition("/")[0]
    password = secret("mongodb", "root_password")
    root = f"mongodb://root:{password}@{host}/?replicaSet=rs0"
    database = f"test_{uuid.uuid4().hex}"
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-W", "ignore", SUITE, root, database],
            check=False,
            timeout=60,
            capture_output=True,
            text=True,
        )
    finally:
        with MongoClient(root) as client:
            client.drop_database(database)
    assert done.returncode == 0, done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


class TestPyMongoUnderEventlet:
    @pytest.mark.parametrize("check", CHECKS)
    def test_holds_that(self, outcomes, check):
        assert outcomes[f"check_{check}"] is None, outcomes[f"check_{check}"]
