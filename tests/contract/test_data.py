"""Collections, events and errors: what is promised across services."""

import ast
import importlib
import inspect
import json
import re
from pathlib import Path

import pytest
from nameko.exceptions import serialize

from chassis.errors import WIRE_ERRORS, from_wire
from chassis.repository import Repository
from stack.principals import SERVICES

ROOT = Path(__file__).parents[2]
PACKAGES = ["chassis", "gateway_flask", *(f"svc_{name}" for name in SERVICES)]
CHASSIS_COLLECTIONS = {
    "event_log",
    "jobs",
    "job_reports",
    "leases",
    "subject_keys",
    "idempotency_keys",
    "match_locks",
    "processed_events",
}
GLOBAL_COLLECTIONS = {
    "authorization_codes",
    "browser_logins",
    "device_requests",
    "leases",
    "people",
    "personal_tokens",
    "refresh_tokens",
    "second_factors",
}
RAISERS = {
    *WIRE_ERRORS,
    "Refusal",
    "bad_request",
    "invalid_field",
    "invalid_input",
    "_check_move",
    "_problem",
    "_refuse",
    "refuse",
    "_refused",
}
CODE = re.compile(r"[a-z]+(_[a-z]+)+")


def collections(service):
    return importlib.import_module(f"svc_{service}.repository").COLLECTIONS


def trees():
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ast.parse(path.read_text())


def raised_codes():
    for tree in trees():
        for node in ast.walk(tree):
            for value in _said(node):
                if isinstance(value, ast.JoinedStr):
                    yield from _for_each_noun(value)
                text = getattr(value, "value", None)
                if isinstance(text, str) and CODE.fullmatch(text):
                    yield text


def _said(node):
    """The expressions that may be the code of an error which ``node`` tells."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISERS:
        return node.args
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
        names = [getattr(each, "id", "") for each in node.targets[0].elts]
        return node.value.elts if names == ["code", "message"] else []
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        first = getattr(next(iter(node.value.elts), None), "value", None)
        return node.value.elts if isinstance(first, int) and first >= 400 else []
    if isinstance(node, ast.Dict):
        return [
            value.elts[0]
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(getattr(key, "value", None), int)
            and isinstance(value, ast.Tuple)
        ]
    return []


def _for_each_noun(text):
    """``f"{self.noun}_not_found"`` is the code of every kind of record."""
    suffix = getattr(text.values[-1], "value", "")
    if re.fullmatch(r"(_[a-z]+)+", str(suffix)):
        for service in SERVICES:
            module = importlib.import_module(f"svc_{service}.repository")
            yield from (f"{each.noun}{suffix}" for each in _repositories(module))


def event_names():
    for service in SERVICES:
        for tree in [
            ast.parse(path.read_text())
            for path in (ROOT / f"svc_{service}").glob("events.py")
        ]:
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield f"{service}.{node.name}"


class TestCollections:
    def test_belong_to_one_service_each(self):
        names = [
            collection.name
            for service in SERVICES
            for collection in collections(service)
            if collection.name not in CHASSIS_COLLECTIONS
        ]

        assert sorted(set(names)) == sorted(names)

    @pytest.mark.parametrize("service", SERVICES)
    def test_are_unique_within_an_organization(self, service):
        for collection in collections(service):
            for index in collection.indexes:
                first = index.keys[0][0]

                assert not index.is_unique or collection.is_global or first == "org_id"

    def test_are_global_by_a_closed_list(self):
        found = {
            collection.name
            for service in SERVICES
            for collection in collections(service)
            if collection.is_global
        }

        assert found == GLOBAL_COLLECTIONS

    def test_of_history_can_only_grow(self):
        logs = [c for s in SERVICES for c in collections(s) if c.name == "event_log"]

        assert logs
        assert all(log.is_append_only for log in logs)


class TestErrors:
    @pytest.mark.parametrize("name", WIRE_ERRORS)
    def test_survive_the_wire(self, name):
        error = WIRE_ERRORS[name]("some_code", "Some words.", '{"a": 1}')

        rebuilt = from_wire(json.loads(json.dumps(serialize(error))))

        assert type(rebuilt) is type(error)
        assert (rebuilt.code, rebuilt.message, rebuilt.extra) == (
            "some_code",
            "Some words.",
            {"a": 1},
        )

    def test_are_documented_and_no_others_are(self):
        documented = set(
            re.findall(
                r"^\| `([a-z_]+)`", (ROOT / "docs/errors.md").read_text(), re.MULTILINE
            )
        )

        # The one code that is nobody's argument: invalid_input's own default.
        assert documented == {*raised_codes(), "invalid_input"}


class TestEvents:
    def test_are_documented(self):
        text = (ROOT / "docs/events.md").read_text()

        assert [name for name in event_names() if f"`{name}`" not in text] == []


def _repositories(package):
    folder = Path(package.__file__)
    modules = [package]
    if folder.name == "__init__.py":
        modules = [
            importlib.import_module(f"{package.__name__}.{path.stem}")
            for path in folder.parent.glob("[a-z]*.py")
        ]
    return {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Repository)
        and "noun" in vars(value)
    }
