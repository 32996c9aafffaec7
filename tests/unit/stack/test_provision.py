import pytest

from stack.packages import Programs
from stack.paths import StatePaths
from stack.principals import SERVICES
from stack.processes import External, ProcessTable
from stack.provision import Provision
from stack.secrets import Addresses, make_material, render_uris
from stack.settings import Settings

PROGRAMS = Programs("/rabbitmq-server", "/epmd", "/redis-server", "/mongod", None)
THEIRS = "mongodb://they:x@db.example.test:27017/?replicaSet=rs0"


@pytest.fixture
def table(tmp_path):
    paths = StatePaths(tmp_path)
    make_material(paths.secrets)
    addresses = Addresses("h:1", redis="h:3", redis_state="h:4", mongo_uri=THEIRS)
    render_uris(paths.secrets, addresses)
    return ProcessTable(paths, Settings(), PROGRAMS, External(mongo_uri=THEIRS))


class TestSomebodyElsesDatabase:
    def test_gets_no_passwords_from_us(self, table):
        asked = []
        provision = Provision(
            table, lambda *given: asked.append(given), lambda _: None, Exception, print
        )

        provision.set_database_up()
        assert [passwords for _, passwords, _ in asked] == [dict.fromkeys(SERVICES)]
        assert "they:x@db.example.test" in asked[0][0]
