import dataclasses
import json

import pytest

from stack.packages import Programs
from stack.paths import StatePaths
from stack.processes import (
    INFRASTRUCTURE_PORTS,
    External,
    ProcessTable,
    worker_names,
)
from stack.secrets import Addresses, make_material, render_uris
from stack.settings import Settings
from stack.specs import ProcessSpec

PROGRAMS = Programs("/rabbitmq-server", "/epmd", "/redis-server", "/mongod", None)


@pytest.fixture
def table(tmp_path):
    paths = StatePaths(tmp_path)
    settings = Settings(scale={"sales-rpc": 2})
    names = [
        *INFRASTRUCTURE_PORTS,
        *(name for _, _, name in worker_names(settings.scale)),
    ]
    settings.choose_ports(names)
    make_material(paths.secrets)
    render_uris(paths.secrets, Addresses("h:1", "h:2", "h:3", "h:4"))
    return ProcessTable(paths, settings, PROGRAMS, External())


class TestProcessTable:
    def test_runs_each_service_in_both_roles(self, table):
        names = [spec.name for spec in table.application()]

        assert "gateway" in names
        assert {"sales-rpc-1", "sales-rpc-2", "sales-events-1"} <= set(names)
        assert len(names) == 12

    def test_starts_servers_before_what_stands_on_them(self, table):
        servers = {spec.stage for spec in table.infrastructure()}
        applications = {spec.stage for spec in table.application()}

        assert max(servers) < min(applications)

    def test_puts_no_secret_into_a_command_or_an_environment(self, table):
        specs = [*table.infrastructure(), *table.application()]
        text = json.dumps([spec.to_json() for spec in specs])
        secrets = [path.read_text() for path in table.paths.secrets.rglob("*password")]

        assert secrets
        assert not [secret for secret in secrets if secret in text]

    def test_lets_a_person_set_every_limit(self, table, monkeypatch):
        for name in ("LIMIT_LOGIN", "LIMIT_READ"):
            monkeypatch.setenv(name, "7/s burst 9")

        spec = next(s for s in table.application() if s.name == "gateway")
        assert spec.environment["LIMIT_LOGIN"] == "7/s burst 9"
        assert spec.environment["LIMIT_READ"] == "7/s burst 9"
        assert spec.environment["LIMIT_REGISTER"] == "600/min burst 600"

    def test_gives_a_process_its_own_secrets_and_nobody_elses(self, table):
        spec = next(s for s in table.application() if s.name == "sales-rpc-1")

        assert spec.environment["RAPPORT_SECRETS_DIR"].endswith("/secrets/sales")

    def test_lets_no_exported_setting_change_whom_a_process_is(
        self, table, monkeypatch
    ):
        monkeypatch.setenv("AMQP_URI", "amqp://somebody-else")

        assert not [
            spec for spec in table.application() if "AMQP_URI" in spec.environment
        ]

    def test_leaves_out_the_servers_of_somebody_else(self, table):
        external = External(amqp_uri="amqp://h", redis_url="redis://h")
        names = [
            spec.name
            for spec in dataclasses.replace(table, external=external).infrastructure()
        ]

        assert ["mongodb", "mail"] == names


class TestExternal:
    def test_is_not_this_stack_itself(self, table, monkeypatch):
        uri = (table.paths.secrets / "sales" / "amqp_uri").read_text()
        monkeypatch.setenv("AMQP_URI", uri)
        monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
        monkeypatch.delenv("MONGO_URI", raising=False)

        assert External(redis_url="redis://elsewhere") == External.from_environment(
            table.paths
        )


class TestProcessSpec:
    def test_survives_the_way_to_the_supervisor(self, table):
        for spec in table.application():
            assert spec == ProcessSpec.from_json(json.loads(json.dumps(spec.to_json())))
