"""The front door asks for what the service behind it asks for."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR
from routes import resource_views

from chassis.roles import service_class
from chassis.rpc import Rpc
from stack.openapi.routes import routes as described
from stack.principals import SERVICES

ROOT = Path(__file__).parents[2]
NEEDS = re.compile(r"Needs the ``([a-z-]+:[a-z]+)`` permission")


def routes():
    """Each view's decorators by name, and the RPC that it calls."""
    for path in sorted((ROOT / "gateway_flask/routes").glob("*.py")):
        for view in ast.parse(path.read_text()).body:
            if not isinstance(view, ast.FunctionDef):
                continue
            guards = {
                getattr(each, "id", None) or each.func.id: getattr(each, "args", [])
                for each in view.decorator_list
                if not isinstance(getattr(each, "func", None), ast.Attribute)
            }
            calls = [
                tuple(argument.value for argument in node.args)
                for node in ast.walk(view)
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "call"
            ]
            yield pytest.param(guards, calls, id=f"{path.stem}.{view.name}")
    for endpoint, marks in resource_views():
        guards = {"requires": [ast.Constant(marks["permission"])]}
        yield pytest.param(guards, [marks["rpc"][:2]], id=endpoint)


def sections():
    """The permission and the RPC of each section of the views."""
    for path in sorted((ROOT / "gateway_flask/routes").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Section":
                permission, _, asked = node.args
                rpc = tuple(argument.value for argument in asked.args)
                yield pytest.param(permission.value, rpc, id=".".join(rpc))


ROUTES = list(routes())
CALLING = [each for each in ROUTES if each.values[1]]


def rpc_of(service, method):
    function = getattr(service_class(f"svc_{service}", "rpc"), method)
    (entrypoint,) = (
        each
        for each in getattr(function, ENTRYPOINT_EXTENSIONS_ATTR)
        if isinstance(each, Rpc)
    )
    return function, entrypoint


class TestRoutes:
    @pytest.mark.parametrize(("guards", "calls"), ROUTES)
    def test_say_who_may_call_them(self, guards, calls):
        assert len({"public", "signed_in", "requires"} & guards.keys()) == 1
        assert len(calls) <= 1

    @pytest.mark.parametrize(("guards", "calls"), CALLING)
    def test_ask_for_what_the_service_asks_for(self, guards, calls):
        function, entrypoint = rpc_of(*calls[0])
        asked = [each.value for each in guards.get("requires", [])]

        assert NEEDS.findall(inspect.getdoc(function)) == asked
        assert entrypoint.is_public == ("public" in guards)

    @pytest.mark.parametrize(("guards", "calls"), CALLING)
    def test_are_named_as_the_rpc(self, guards, calls, request):
        assert guards
        assert request.node.callspec.id.endswith(f".{calls[0][1]}")


class TestParameters:
    @pytest.mark.parametrize(
        "route",
        [
            pytest.param(each, id=each.name)
            for each in described()
            if each.path.startswith("/v1/")
        ],
    )
    def test_are_let_in_where_somebody_says_which(self, route):
        contract = route.contract

        assert route.policy.reads_query == (
            contract.is_list or "query" in contract.takes
        )


class TestSections:
    @pytest.mark.parametrize(("permission", "rpc"), list(sections()))
    def test_ask_for_what_the_service_asks_for(self, permission, rpc):
        function, entrypoint = rpc_of(*rpc)

        assert NEEDS.findall(inspect.getdoc(function)) == [permission]
        assert not entrypoint.is_public


def remembering_rpcs():
    """The RPCs that give an answer again to who repeats a key."""
    for service in SERVICES:
        members = inspect.getmembers(
            service_class(f"svc_{service}", "rpc"), inspect.isfunction
        )
        for name, function in members:
            entrypoints = getattr(function, ENTRYPOINT_EXTENSIONS_ATTR, ())
            if hasattr(function, "__wrapped__") and entrypoints:
                yield pytest.param(service, name, id=f"{service}.{name}")


class TestRemembering:
    @pytest.mark.parametrize(("service", "method"), list(remembering_rpcs()))
    def test_needs_the_permission_before_anything_is_remembered(self, service, method):
        function, entrypoint = rpc_of(service, method)
        told = NEEDS.findall(inspect.getdoc(function))

        assert [entrypoint.needs] == (told or [None]), "say @rpc(needs=...)"
