"""What is kept of a password."""

import pytest
from argon2 import PasswordHasher
from pymongo import MongoClient

pytestmark = pytest.mark.integration

WEAKER = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)


@pytest.fixture
def people(status, secret):
    host = status["mongo_uri"].rpartition("@")[2].partition("/")[0]
    root = f"mongodb://root:{secret('mongodb', 'root_password')}@{host}"
    with MongoClient(f"{root}/?directConnection=true") as client:
        yield client["rapport_auth"]["people"]


class TestHashes:
    def test_of_less_work_are_replaced_at_the_next_login(self, client, people):
        person = {"email_key": client.email}
        weak = WEAKER.hash(client.credentials["password"])
        people.update_one(person, {"$set": {"password_hash": weak}})

        assert client("POST", "/v1/auth/login", client.credentials)[0] == 200
        stronger = people.find_one(person)["password_hash"]
        assert "m=19456,t=2,p=1" in stronger
        assert client("POST", "/v1/auth/login", client.credentials)[0] == 200
        assert people.find_one(person)["password_hash"] == stronger

    def test_are_left_alone_by_a_wrong_password(self, client, people):
        person = {"email_key": client.email}
        weak = WEAKER.hash(client.credentials["password"])
        people.update_one(person, {"$set": {"password_hash": weak}})
        wrong = {**client.credentials, "password": "wrong horse"}

        assert client("POST", "/v1/auth/login", wrong)[0] == 401
        assert people.find_one(person)["password_hash"] == weak
