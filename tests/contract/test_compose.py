"""compose.yaml is the same system as ./crm's, with nothing secret in it."""

from pathlib import Path

import pytest
import yaml

from stack.principals import PRINCIPALS, SERVICES

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
RUNNING = {
    name: each
    for name, each in COMPOSE["services"].items()
    if not name.startswith("init")
}


class TestCompose:
    def test_runs_what_the_local_stack_runs(self):
        workers = {
            f"{service}-{role}" for service in SERVICES for role in ("rpc", "events")
        }
        servers = {"rabbitmq", "mongodb", "redis", "redis-state", "mail", "gateway"}

        assert workers | servers == set(RUNNING)

    @pytest.mark.parametrize("name", [*SERVICES, "gateway"])
    def test_gives_a_deployable_its_own_secrets_only(self, name):
        for service, each in RUNNING.items():
            if service == name or service.startswith(f"{name}-"):
                assert each["volumes"] == [f"secrets-{name}:/run/rapport:ro"]

    def test_has_a_volume_of_secrets_for_each_principal(self):
        assert {f"secrets-{name}" for name in PRINCIPALS} <= set(COMPOSE["volumes"])

    def test_holds_no_password(self):
        text = (ROOT / "compose.yaml").read_text().lower()

        assert "password" not in text

    @pytest.mark.parametrize("name", RUNNING)
    def test_bounds_memory_and_privileges(self, name):
        each = RUNNING[name]

        assert "mem_limit" in each
        assert "no-new-privileges:true" in each["security_opt"]

    @pytest.mark.parametrize("name", [*SERVICES, "gateway"])
    def test_has_a_target_for_each_deployable(self, name):
        assert f" AS {name}\n" in (ROOT / "Dockerfile").read_text()
