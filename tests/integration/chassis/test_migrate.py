"""What a migration makes of a database, and what it leaves alone."""

import threading
import uuid

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from chassis.context import Context
from chassis.migrate import migrate
from chassis.mongo import Collection, Index, by
from chassis.rows import TenantRows

pytestmark = pytest.mark.integration

THINGS = Collection("things", (Index((("org_id", 1), ("name", 1)), is_unique=True),))
LOG = Collection("log", is_append_only=True)


@pytest.fixture
def server(root_uri):
    with MongoClient(root_uri) as client:
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


class TestIndexes:
    def test_that_nothing_declares_are_dropped(self, server, service):
        rows = server[f"rapport_{service}"]["things"]
        before = Collection("things", (*THINGS.indexes, by("color"), by("size")))
        migrate(server, service, None, [before])
        rows.create_index([("org_id", 1), ("by_hand", 1)])

        dropped = migrate(server, service, None, [THINGS])

        assert dropped == [
            "things.org_id_1_color_1__id_1",
            "things.org_id_1_size_1__id_1",
            "things.org_id_1_by_hand_1",
        ]
        assert set(rows.index_information()) == {"_id_", "org_id_1_name_1"}
        assert migrate(server, service, None, [THINGS]) == []

    def test_of_collections_that_are_not_its_own_stay(self, server, service):
        others = server[f"rapport_{service}"]["others"]
        others.create_index("color")

        assert migrate(server, service, None, [THINGS]) == []
        assert set(others.index_information()) == {"_id_", "color_1"}

    def test_with_other_options_replace_those_that_were(self, server, service):
        rows = server[f"rapport_{service}"]["things"]
        keys = (("org_id", 1), ("name", 1))
        for index in (
            Index(keys, is_unique=True, partial={"size": {"$gt": 1}}),
            Index(keys),
            Index(keys, is_sparse=True),
            Index(keys, is_unique=True),
        ):
            migrate(server, service, None, [Collection("things", (index,))])

            found = [each for each in rows.list_indexes() if each["name"] != "_id_"]
            assert len(found) == 1
            assert found[0].get("unique", False) == index.is_unique
            assert found[0].get("sparse", False) == index.is_sparse
            assert found[0].get("partialFilterExpression") == index.partial

    def test_stay_if_what_replaces_them_cannot_be_built(self, server, service):
        rows = server[f"rapport_{service}"]["things"]
        migrate(server, service, None, [Collection("things", (by("name"),))])
        rows.insert_many([{"org_id": "o", "name": "same"} for _ in range(2)])

        with pytest.raises(OperationFailure, match="duplicate key"):
            migrate(server, service, None, [THINGS])
        assert "org_id_1_name_1__id_1" in rows.index_information()

    def test_are_exchanged_under_readers_that_notice_nothing(self, server, service):
        """They even name the index that is dropped."""
        things = [
            Collection("things", (by("number", covering=names), by("name")))
            for names in (("name",), ())
        ]
        migrate(server, service, None, things[:1])
        rows = TenantRows(server[f"rapport_{service}"]["things"], context_of("o"))
        rows.insert_many([{"number": n, "name": str(n % 7)} for n in range(20_000)])
        is_over, seen, trouble = threading.Event(), [], []

        def read():
            try:
                while not is_over.is_set():
                    keys = things[0].indexes[0].keys
                    found = rows.find({"number": {"$gte": 0}}, [("number", 1)], 5_000)
                    counted = rows.count({"name": "3"}, 20_000, keys=keys)
                    listed = rows.aggregate([{"$match": {"name": "3"}}], keys)
                    seen.append((len(found), counted, len(listed)))
            except Exception as error:
                trouble.append(error)
                raise

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        dropped = [
            migrate(server, service, None, [declared])
            for _ in range(5)
            for declared in reversed(things)
        ]
        is_over.set()
        for reader in readers:
            reader.join(30)

        assert all(len(each) == 1 for each in dropped)
        assert trouble == []
        assert set(seen) == {(5_000, 2_857, 2_857)}


def context_of(org_id):
    return Context(
        caller=None,
        org_id=org_id,
        actor={"type": "operator", "id": "operator"},
        operation_id="o",
        request_id="r",
        traceparent="",
        deadline=0,
    )
