"""The gateway's routes, and what their views do with a request."""

import ast
import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flask import Flask

from chassis.errors import WireError
from chassis.roles import service_class
from gateway_flask.errors import problem_of
from gateway_flask.inputs import IdConverter
from gateway_flask.policies import Policy, policies
from gateway_flask.routes import BLUEPRINTS
from stack.openapi.contracts import Contract, contract_of
from stack.openapi.listing import repositories

__all__ = ["Route", "routes"]

_CONVERTER: Final = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
_UNDESCRIBED: Final = frozenset({"HEAD", "OPTIONS"})
_ANSWERING: Final = ("answer", "unkept")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation of the interface.

    Attributes:
        path: As OpenAPI writes it, with ``{names}``.
        converters: Each name's converter: ``id``, ``string`` and so on.
        service: Whose RPC it calls, if it calls exactly one.
        rpc: The RPC's function.
        calls: The functions that the view calls by name.
        sections: The RPC behind each section of a view made of several.
        status: What a plain answer has, 200 or what the view says.
        needed: The section without which there is nothing to answer.
        refusal: What answers for the service that refuses.
    """

    method: str
    path: str
    converters: dict[str, str]
    name: str
    view: Callable[..., Any]
    policy: Policy
    service: str | None
    rpc: Callable[..., Any] | None
    calls: dict[str, Callable[..., Any]]
    sections: dict[str, Callable[..., Any]] = field(default_factory=dict)
    needed: str | None = None
    status: int = 200
    refusal: Callable[..., Any] = problem_of

    @property
    def own(self) -> Contract:
        """What the view's docstring says."""
        return contract_of(self.view)

    @property
    def contract(self) -> Contract:
        """What the RPC's docstring says, or the view's where that answers itself."""
        is_own = self.rpc is None or self.own.media_types or self.own.statuses
        return self.own if is_own else contract_of(self.rpc)

    @property
    def resource(self) -> str:
        """The first word of the path, or the module of what is no resource."""
        _, version, *words = self.path.split("/")
        if version == "v1":
            return words[0]
        return self.view.__module__.rpartition(".")[2]

    def sibling(self, verb: str) -> Callable[..., Any]:
        """The RPC that does something else with a record of the same kind.

        Raises:
            AttributeError: Its service has none of this name.
        """
        noun = repositories()[self.resource].noun
        return _rpc(self.service or "", f"{verb}_{noun}")

    @property
    def is_page(self) -> bool:
        """Whether it is for people, who do there what programs do elsewhere."""
        return self.resource.endswith("_pages")

    @property
    def is_safe(self) -> bool:
        """Whether it only reads (RFC 9110 §9.2.1)."""
        return self.method == "get"


def routes() -> Iterator[Route]:
    """Every route, in the order of paths and methods.

    Pages are named as such, as they do what routes for programs do, too; a view
    that serves several routes is named anew for each but the first.
    """
    app = Flask("gateway_flask", static_folder=None)
    app.url_map.converters["id"] = IdConverter
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    terms, served = policies(app), Counter[str]()
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = inspect.unwrap(app.view_functions[rule.endpoint])
        handlers = app.error_handler_spec[rule.endpoint.partition(".")[0]][None]
        for method in sorted((rule.methods or set()) - _UNDESCRIBED):
            route = _route(rule.rule, method.lower(), view, terms[rule.endpoint])
            name = f"{route.name}_page" if route.is_page else route.name
            served[name] += 1
            yield replace(
                route,
                name=name if served[name] == 1 else f"{name}_{served[name]}",
                refusal=handlers.get(WireError, problem_of),
            )


def _route(rule: str, method: str, view: Callable[..., Any], policy: Policy) -> Route:
    marks = vars(view).get("policy", {})
    if "rpc" in marks:
        service, name, _ = marks["rpc"]
        return Route(
            method=method,
            **_address(rule),
            name=view.__name__,
            view=view,
            policy=policy,
            service=service,
            rpc=_rpc(service, name),
            calls={part.__name__: part for part in marks["parts"]},
        )
    calls = list(_calls(view))
    called = [_called(node) for name, node in calls if name == "call"]
    service, rpc = called[0] if len(called) == 1 else (None, None)
    made = [node for name, node in calls if name == "answer_sections"]
    scope = vars(inspect.getmodule(view))
    return Route(
        method=method,
        **_address(rule),
        name=view.__name__,
        view=view,
        policy=policy,
        service=service,
        rpc=rpc,
        calls={
            name: scope[name]
            for name, _ in calls
            if inspect.isfunction(scope.get(name))
        },
        sections=_sections(made[0]) if made else {},
        status=next(
            (_status_of(node) for name, node in calls if name in _ANSWERING), 200
        ),
        needed=next((_value_of(node, "needed") for node in made), None),
    )


def _address(rule: str) -> dict[str, Any]:
    return {
        "path": _CONVERTER.sub(r"{\2}", rule),
        "converters": {
            name: kind or "string" for kind, name in _CONVERTER.findall(rule)
        },
    }


def _rpc(service: str, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(service_class(f"svc_{service}", "rpc"), name)
    return function


def _calls(view: Callable[..., Any]) -> Iterator[tuple[str, ast.Call]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(view)))
    (function,) = tree.body
    for statement in function.body:  # type: ignore[attr-defined]
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield node.func.id, node


def _called(node: ast.Call) -> tuple[str, Callable[..., Any]]:
    """Service and function of ``call("sales", "get_lead", …)``."""
    service, rpc = (argument.value for argument in node.args)  # type: ignore[attr-defined]
    return service, _rpc(service, rpc)


def _sections(node: ast.Call) -> dict[str, Callable[..., Any]]:
    """The RPCs of ``answer_sections({"leads": Section(…, …, ask(…))})``."""
    sections: Any = node.args[0]
    return {
        key.value: _called(section.args[2])[1]
        for key, section in zip(sections.keys, sections.values, strict=True)
    }


def _status_of(node: ast.Call) -> int:
    """The status in ``answer(result, 201)``."""
    given = node.args[1] if len(node.args) > 1 else None
    value = given.value if isinstance(given, ast.Constant) else None
    return value if isinstance(value, int) else 200


def _value_of(node: ast.Call, name: str) -> str | None:
    given: list[Any] = [each.value for each in node.keywords if each.arg == name]
    return given[0].value if given else None
