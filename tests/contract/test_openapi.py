"""The description of the HTTP interface is current, valid and complete."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from openapi_spec_validator import validate

from gateway_flask.inputs import IdConverter
from gateway_flask.routes import BLUEPRINTS
from stack.openapi.document import document
from stack.openapi.problems import registry
from stack.openapi.routes import routes

ROOT = Path(__file__).parents[2]
WRITTEN = json.loads((ROOT / "gateway_flask/openapi.json").read_text())
OPERATIONS = [
    pytest.param(path, operation, id=operation["operationId"])
    for path, item in WRITTEN["paths"].items()
    for operation in item.values()
]
# Codes that no documented request is answered with: those of messages between
# processes, of ids that clash, and of those who are shown the sign-in page.
UNANSWERED = {
    "act_not_found",
    "challenge_exists",
    "challenge_not_found",
    "sign_in_expired",
    "delivery_is_done",
    "invalid_position",
    "malformed_event",
    "operator_only",
    "signing_key_in_use",
    "signing_key_not_found",
    *(code for code in registry() if code.endswith("_exists")),
}
# Of what is public otherwise, what only those can do who are in already.
AS_A_MEMBER = {
    "/oauth/register",
    "/oauth/userinfo",
    "/v1/auth/switch-org",
    *(path for path in WRITTEN["paths"] if path.startswith("/v1/auth/mfa")),
}


def codes_in(node):
    """Every error code that a part of the document promises."""
    if isinstance(node, list):
        return {code for each in node for code in codes_in(each)}
    if not isinstance(node, dict):
        return set()
    own = node.get("properties", {}).get("code", {}).get("enum", ())
    # Pages and OAuth 2.0's own answers hold others words, or none.
    told = re.findall(
        r"^- `([a-z0-9_]+)`: ", str(node.get("description")), re.MULTILINE
    )
    within = (code for each in node.values() for code in codes_in(each))
    return {*own, *(told if "content" in node else ()), *within}


class TestDescription:
    def test_is_what_the_code_says(self):
        current = json.loads(json.dumps(document()))

        assert current == WRITTEN, (
            "Write it anew: python -m stack.openapi > gateway_flask/openapi.json"
        )

    def test_is_valid(self):
        validate(WRITTEN)

    def test_has_every_route(self):
        described = {
            (method, path) for path, item in WRITTEN["paths"].items() for method in item
        }

        assert {(route.method, route.path) for route in routes()} == described

    def test_has_every_address_of_the_application(self):
        app = Flask("gateway_flask", static_folder=None)
        app.url_map.converters["id"] = IdConverter
        for blueprint in BLUEPRINTS:
            app.register_blueprint(blueprint)
        served = {
            (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
            for rule in app.url_map.iter_rules()
            for method in rule.methods - {"HEAD", "OPTIONS"}
        }

        assert served == {
            (path, method) for path, item in WRITTEN["paths"].items() for method in item
        }

    def test_has_every_error_code(self):
        assert registry().keys() - UNANSWERED == codes_in(WRITTEN)

    def test_names_operations_once(self):
        names = [each.values[1]["operationId"] for each in OPERATIONS]

        assert len(names) == len(set(names))

    def test_explains_every_tag(self):
        used = {tag for each in OPERATIONS for tag in each.values[1]["tags"]}

        assert used == {tag["name"] for tag in WRITTEN["tags"]}
        assert all(tag["description"] for tag in WRITTEN["tags"])

    def test_refers_to_nothing_of_elsewhere(self):
        addresses = re.findall(r"https?://[^\s\"]+", json.dumps(WRITTEN))

        # RFC 2606 §2 keeps these names for examples.
        assert [each for each in addresses if ".example/" not in each] == []


class TestOperations:
    @pytest.mark.parametrize(("path", "operation"), OPERATIONS)
    def test_say_what_they_do_in_a_sentence(self, path, operation):
        assert path
        assert re.fullmatch(r"[A-Z].*[.]", operation["summary"])
        assert not re.search(r"``|:class:|_s\b\.py", operation["summary"])

    @pytest.mark.parametrize(("path", "operation"), OPERATIONS)
    def test_have_the_parameters_of_their_path(self, path, operation):
        named = re.findall(r"\{(\w+)\}", path)
        given = [p["name"] for p in operation["parameters"] if p.get("in") == "path"]

        assert named == given

    @pytest.mark.parametrize(("path", "operation"), OPERATIONS)
    def test_explain_their_parameters_and_answers(self, path, operation):
        assert path
        named = [p for p in operation["parameters"] if "$ref" not in p]
        answers = [a for a in operation["responses"].values() if "$ref" not in a]
        for each in (*named, *answers):
            assert each.get("description") or each["schema"].get("description"), each

    @pytest.mark.parametrize(("path", "operation"), OPERATIONS)
    def test_that_list_say_whether_there_is_more(self, path, operation):
        content = operation["responses"].get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        parts = WRITTEN["components"]["schemas"].get(name, schema).get("properties", {})

        # The feed goes on behind a position.
        page = "EventsPage" if path == "/v1/events" else "Page"
        if parts.get("data", {}).get("type") == "array":
            assert parts.get("page") == {"$ref": f"#/components/schemas/{page}"}

    @pytest.mark.parametrize(("path", "operation"), OPERATIONS)
    def test_show_how_a_body_looks(self, path, operation):
        assert path
        for media_type in operation.get("requestBody", {}).get("content", {}).values():
            assert media_type["example"]

    @pytest.mark.parametrize(("path", "operation"), OPERATIONS)
    def test_under_v1_need_a_token_unless_they_give_one(self, path, operation):
        # An application may say who it is in either of two ways.
        is_public = operation["security"] in ([], [{"client": []}, {}])

        is_for_all = not path.startswith("/v1/") or path.startswith("/v1/auth/")

        assert is_public == (is_for_all and path not in AS_A_MEMBER)
