"""``./crm audit verify`` against the logs of the running stack."""

import json
from contextlib import contextmanager

import pytest
from pymongo import MongoClient

pytestmark = pytest.mark.integration


@pytest.fixture
def org_id(client):
    return client("GET", "/v1/me")[1]["org_id"]


@pytest.fixture
def log(root_uri, org_id, until):
    """svc_auth's, in the hands of somebody with all rights on the database."""
    with MongoClient(root_uri, tz_aware=True) as mongo:
        rows = mongo["rapport_auth"]["event_log"]
        own = {"org_id": org_id, "event": "auth.org_registered"}
        until(lambda: rows.find_one(own) is not None)
        yield rows


@pytest.fixture
def row(log, org_id):
    return log.find_one({"org_id": org_id, "event": "auth.org_registered"})


@contextmanager
def put_back(log, row):
    try:
        yield
    finally:
        log.replace_one({"_id": row["_id"]}, row, upsert=True)


@pytest.fixture
def verify(crm):
    def run():
        code, text, _ = crm("audit", "verify")
        return code, text

    return run


class TestVerify:
    @pytest.mark.usefixtures("log")
    def test_finds_all_logs_sound(self, crm):
        code, text, _ = crm("audit", "verify", "--json")

        verdicts = {each["service"]: each for each in json.loads(text)}
        assert code == 0
        assert {"auth", "customer", "sales"} <= verdicts.keys()
        assert verdicts["auth"]["rows"] > 0
        assert all(not each["breaks"] for each in verdicts.values())

    def test_finds_a_row_that_was_altered(self, log, row, verify):
        with put_back(log, row):
            log.update_one({"_id": row["_id"]}, {"$set": {"actor.id": "somebody else"}})
            code, text = verify()

        assert code == 1
        assert f"! auth: row {row['position']} altered" in text
        assert verify()[0] == 0

    def test_finds_a_row_that_was_removed(self, log, row, verify):
        with put_back(log, row):
            log.delete_one({"_id": row["_id"]})
            code, text = verify()

        assert code == 1
        assert f"! auth: row {row['position']} missing" in text
        assert verify()[0] == 0

    def test_finds_a_row_that_was_slipped_in(self, log, row, verify):
        forged = {**row, "_id": "forged", "sequence": 1_000}
        log.insert_one(forged)
        try:
            code, text = verify()
        finally:
            log.delete_one({"_id": "forged"})

        assert code == 1
        assert f"! auth: row {row['position']} added" in text or "altered" in text
        assert verify()[0] == 0
