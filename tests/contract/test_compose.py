"""compose.yaml is the same system as ./crm's, with nothing secret in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.principals import PRINCIPALS, SERVICES
from stack.processes import INFRASTRUCTURE, worker_names

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
RUNNING = {
    name: each for name, each in CONTAINERS.items() if not name.startswith("init")
}
JOBS = {name: CONTAINERS[name] for name in CONTAINERS.keys() - RUNNING.keys()}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# They give volumes to their owners, and read secrets of several users.
AS_ROOT = {
    "init": {"CHOWN", "DAC_OVERRIDE", "FOWNER"},
    "init-database": {"DAC_READ_SEARCH"},
}
# Long, with digits among letters: a password or a key, not a name.
RANDOM_WORD = r"(?=[a-zA-Z_+]*\d)(?=[\d_+]*[a-zA-Z])[\w+]{20,}"


def stages() -> dict[str, str]:
    """The text of each stage of the Dockerfile, what it is based on included."""
    found: dict[str, str] = {}
    for part in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]:
        base, name = re.match(r"(\S+) AS (\S+)", part).groups()  # type: ignore[union-attr]
        found[name] = found.get(base, "") + part
    return found


def mounts(each: dict[str, Any]) -> dict[str, str]:
    """What is mounted, and how: ``{source: "ro" or "rw"}``."""
    return {
        volume.split(":")[0]: "ro" if volume.endswith(":ro") else "rw"
        for volume in each.get("volumes", ())
    }


class TestWhatRuns:
    def test_is_what_the_local_stack_runs(self):
        # A container has an epmd of its own, and scales by itself.
        native = {*INFRASTRUCTURE, "gateway"} - {"epmd"}
        native |= {f"{service}-{role}" for service, role, _ in worker_names({})}

        assert native == RUNNING.keys()

    @pytest.mark.parametrize("name", ["LIMIT_LOGIN", "LIMIT_REGISTER", "LIMIT_RESET"])
    def test_counts_a_shared_address_as_the_local_stack_does(self, name):
        default = RUNNING["gateway"]["environment"][name]

        assert default == f"${{{name}:-600/min burst 600}}"

    @pytest.mark.parametrize("name", [*SERVICES, "gateway"])
    def test_has_an_image_for_each_deployable(self, name):
        assert name in stages()

    @pytest.mark.parametrize("name", RUNNING)
    def test_tells_whether_it_is_healthy(self, name):
        target = RUNNING[name].get("build", {}).get("target")

        assert "healthcheck" in RUNNING[name] or "HEALTHCHECK" in stages()[target]

    def test_starts_no_interpreter_to_look_at_its_health(self):
        asked = [
            each["healthcheck"]["test"]
            for each in RUNNING.values()
            if "healthcheck" in each
        ]
        asked += [
            json.loads(each)
            for each in re.findall(r"HEALTHCHECK .*\n +CMD (.+)", DOCKERFILE)
        ]

        assert {tuple(each[:2]) for each in asked} == {("CMD", "bash"), ("bash", "-c")}

    @pytest.mark.parametrize("name", [name for name in RUNNING if name != "init"])
    def test_waits_for_what_makes_its_secrets(self, name):
        conditions = RUNNING[name]["depends_on"]
        jobs = {job for job in conditions if job in JOBS}

        assert jobs
        for job in jobs:
            assert conditions[job]["condition"] == "service_completed_successfully"


class TestRights:
    @pytest.mark.parametrize("name", CONTAINERS)
    def test_bounds_memory_and_privileges(self, name):
        each = CONTAINERS[name]

        assert "mem_limit" in each
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert each["read_only"] is True

    @pytest.mark.parametrize("name", CONTAINERS)
    def test_gives_root_only_to_jobs_that_need_it(self, name):
        each = CONTAINERS[name]
        user = each.get("user", "image's").split(":")[0]

        assert (user == "0") == (name in AS_ROOT)
        assert set(each.get("cap_add", ())) == AS_ROOT.get(name, set())
        if each["image"].startswith("rapport/") and user != "0":
            target = each["image"].removeprefix("rapport/")
            assert re.findall(r"^USER (\S+)", stages()[target], re.MULTILINE)[-1] == (
                "10001"
            )

    @pytest.mark.parametrize("name", RUNNING)
    def test_lets_nobody_in_but_through_the_gateway(self, name):
        ports = RUNNING[name].get("ports", [])

        assert ports == (["127.0.0.1:8000:8000"] if name == "gateway" else [])

    @pytest.mark.parametrize("name", [*SERVICES, "gateway"])
    def test_gives_a_deployable_its_own_secrets_only(self, name):
        for service, each in RUNNING.items():
            if service == name or service.startswith(f"{name}-"):
                assert each["volumes"] == [f"secrets-{name}:/run/rapport:ro"]

    @pytest.mark.parametrize("name", CONTAINERS.keys() - {"init"})
    def test_lets_only_init_write_secrets(self, name):
        for source, mode in mounts(CONTAINERS[name]).items():
            assert mode == "ro" or source.startswith("data-")


class TestSecrets:
    def test_have_a_volume_for_each_principal(self):
        assert {f"secrets-{name}" for name in PRINCIPALS} <= set(COMPOSE["volumes"])

    @pytest.mark.parametrize("text", [TEXT, DOCKERFILE], ids=["compose", "Dockerfile"])
    def test_are_in_neither_file(self, text):
        assert not re.search(r"(?i)password|passwd|secret_?key|token|://\w+:\w+@", text)
        assert not re.search(RANDOM_WORD, text)


class TestDockerfile:
    @pytest.mark.parametrize("refused", ["# syntax=", "<<", "--link", "@sha256:"])
    def test_builds_with_docker_20(self, refused):
        instructions = DOCKERFILE.split("FROM ", 1)[1]

        assert refused not in instructions
        assert not DOCKERFILE.startswith("# syntax")

    def test_takes_only_what_the_lock_has_hashes_of(self):
        installs = [line for line in DOCKERFILE.splitlines() if " install " in line]
        pip = [line for line in installs if "pip" in line]

        assert pip
        assert all("--no-index" in line for line in pip)
        assert "pip wheel --require-hashes" in DOCKERFILE

    @pytest.mark.parametrize("name", [*SERVICES, "gateway", "stack"])
    def test_keeps_the_test_tools_out_of_images(self, name):
        extras = re.findall(r'"rapport\[(\w+)\]"', DOCKERFILE)

        assert "test" not in extras
        assert "pip wheel" not in stages()[name]
