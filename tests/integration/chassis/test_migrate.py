"""What a migration makes of a database, and what it leaves alone."""

import uuid

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from chassis.migrate import migrate
from chassis.mongo import Collection, Index

pytestmark = pytest.mark.integration

THINGS = Collection("things", (Index((("org_id", 1), ("name", 1)), is_unique=True),))
LOG = Collection("log", is_append_only=True)


@pytest.fixture
def server(status, secret):
    host = status["mongo_uri"].rpartition("@")[2]
    root = f"mongodb://root:{secret('mongodb', 'root_password')}@{host}"
    with MongoClient(root) as client:
        yield client


@pytest.fixture
def service(server):
    service = f"test{uuid.uuid4().hex[:12]}"
    yield service
    database = server[f"rapport_{service}"]
    database.command("dropAllUsersFromDatabase")
    database.command("dropAllRolesFromDatabase")
    server.drop_database(database)


@pytest.fixture
def log_in(status, service):
    """The database, as somebody sees it who knows a password of its user."""
    clients = []

    def connect(password):
        host = status["mongo_uri"].rpartition("@")[2].partition("/")[0]
        name = f"rapport_{service}"
        uri = f"mongodb://{service}:{password}@{host}/{name}?directConnection=true"
        clients.append(MongoClient(uri))
        return clients[-1][name]

    yield connect
    for client in clients:
        client.close()


class TestMigrate:
    def test_gives_the_service_a_user_that_can_alter_nothing(
        self, server, service, log_in
    ):
        migrate(server, service, "first", [THINGS, LOG])

        database = log_in("first")
        database["things"].insert_one({"name": "a"})
        database["log"].insert_one({})
        for forbidden in (
            lambda: database["log"].delete_many({}),
            database["things"].drop,
            lambda: database["other"].insert_one({}),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                forbidden()

    def test_may_be_repeated_and_changes_the_password(self, server, service, log_in):
        for password in ("first", "second"):
            migrate(server, service, password, [THINGS, LOG])

        assert log_in("second")["things"].find_one() is None
        with pytest.raises(OperationFailure, match="Authentication failed"):
            log_in("first")["things"].find_one()

    def test_of_another_stacks_server_leaves_its_users_alone(
        self, server, service, log_in
    ):
        migrate(server, service, "first", [THINGS])
        migrate(server, service, None, [THINGS, LOG])

        assert log_in("first")["things"].find_one() is None
        assert "log" in server[f"rapport_{service}"].list_collection_names()

    def test_of_another_owners_server_makes_no_users(self, server, service):
        migrate(server, service, None, [THINGS])

        database = server[f"rapport_{service}"]
        assert database.command("usersInfo")["users"] == []
        assert database.command("rolesInfo")["roles"] == []
        assert len(database["things"].index_information()) == 2
