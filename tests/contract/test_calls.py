"""Who calls whom: names and arguments fit, and the broker's rights say the same."""

import ast
import inspect
from pathlib import Path

import pytest
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR
from routes import resource_views

from chassis.roles import service_class
from chassis.rpc import Rpc
from stack.principals import SERVICES
from stack.topology import CALLS, OPERATOR_CALLS, TRUST_CALLS

ROOT = Path(__file__).parents[2]
# What the gateway asks before it comes to a view.
AT_THE_DOOR = {"auth.exchange_access_token", "auth.renew_access_token"}


def rpcs(service):
    members = inspect.getmembers(
        service_class(f"svc_{service}", "rpc"), inspect.isfunction
    )
    return {
        name: inspect.signature(method)
        for name, method in members
        if any(
            isinstance(entrypoint, Rpc)
            for entrypoint in getattr(method, ENTRYPOINT_EXTENSIONS_ATTR, ())
        )
    }


def written_calls():
    """``call("<service>", "<method>", …)`` in the gateway's code."""
    for path in sorted((ROOT / "gateway_flask").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            if getattr(node.func, "id", "") not in {"call", "ask"}:
                continue
            names = [each.value for each in node.args if isinstance(each, ast.Constant)]
            if len(names) == len(node.args) == 2:
                yield *names, {keyword.arg for keyword in node.keywords}


def gateway_calls():
    resources = (marks["rpc"] for _, marks in resource_views())
    for service, method, names in (*written_calls(), *resources):
        yield pytest.param(service, method, names, id=f"{service}.{method}")


def nested_calls():
    """``self.<service>.call("<method>", …)`` in a service's code."""
    for path in sorted(ROOT.glob("svc_*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            if getattr(function, "attr", "") == "call" and isinstance(
                function.value, ast.Attribute
            ):
                caller = path.relative_to(ROOT).parts[0].removeprefix("svc_")
                yield caller, function.value.attr, node


class TestGateway:
    @pytest.mark.parametrize(("service", "method", "names"), list(gateway_calls()))
    def test_calls_rpcs_with_arguments_they_take(self, service, method, names):
        signature = rpcs(service)[method]

        signature.bind(None, **dict.fromkeys(names))

    def test_calls_every_rpc_that_is_meant_for_it(self):
        called = {f"{p.values[0]}.{p.values[1]}" for p in gateway_calls()}
        internal = {name for names in CALLS.values() for name in names}
        internal |= {*OPERATOR_CALLS, *TRUST_CALLS, *AT_THE_DOOR}
        internal -= called
        offered = {
            f"{service}.{name}" for service in SERVICES for name in rpcs(service)
        }
        health = {f"{service}.check_health" for service in SERVICES}

        assert offered - internal - health == called - health


class TestServices:
    def test_call_only_what_the_broker_lets_them(self):
        called = {}
        for caller, service, node in nested_calls():
            called.setdefault(caller, set()).add(f"{service}.{node.args[0].value}")

        assert {name: set(calls) for name, calls in CALLS.items()} == called

    def test_call_with_arguments_that_are_taken(self):
        for _, service, node in nested_calls():
            signature = rpcs(service)[node.args[0].value]
            names = {keyword.arg for keyword in node.keywords} - {"org_id"}

            signature.bind(None, **dict.fromkeys(names))

    @pytest.mark.parametrize("service", SERVICES)
    def test_take_keyword_arguments_only(self, service):
        for name, signature in rpcs(service).items():
            kinds = [p.kind for p in list(signature.parameters.values())[1:]]

            assert all(kind is inspect.Parameter.KEYWORD_ONLY for kind in kinds), name
