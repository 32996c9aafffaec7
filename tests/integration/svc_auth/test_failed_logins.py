"""Each attempt to log in is noted once, however its message is delivered."""

import pytest
from deliveries import delivering
from pymongo import MongoClient

pytestmark = pytest.mark.integration


@pytest.fixture
def acts(status):
    with MongoClient(status["mongo_uri"]) as mongo:
        yield mongo["rapport_auth"]["acts"]


class TestFailedLogins:
    def test_are_one_for_each_attempt_under_one_key(self, client, status, acts):
        me = client("GET", "/v1/me")[1]["id"]
        wrong = {**client.credentials, "password": "wrong horse"}
        with delivering(status) as deliver:
            refused = [
                deliver("auth.login", name, payload=wrong)["error"]
                for name in ("first", "second", "second")
            ]

        assert all(each is not None for each in refused)
        assert acts.count_documents({"owner_id": me}) == 2
