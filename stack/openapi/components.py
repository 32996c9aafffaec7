"""The owners' marshmallow classes as JSON Schema, by apispec.

What apispec cannot know of our own fields they say themselves in ``metadata``.
"""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields, validate

from chassis.schemas import Input
from chassis.views import BARE
from chassis.visibility import resource_of
from stack.openapi.contracts import contract_of
from stack.principals import SERVICES
from svc_auth.domain.field_rights import HIDEABLE

__all__ = ["Schemas"]

_PACKAGES: Final = (
    "chassis.batches",
    "chassis.chronicle",
    *(f"svc_{name}.schemas" for name in SERVICES),
    "gateway_flask.schemas",
)


class Schemas:
    """Every published schema by its class's name, registered when asked for."""

    def __init__(self) -> None:
        self._known = {schema.__name__: schema for schema in _published()}
        plugin = MarshmallowPlugin(schema_name_resolver=_name)
        self._spec = APISpec("", "", "3.1.0", plugins=[plugin])
        for function in (_of_maps, _of_validators, _of_constants):
            plugin.converter.add_attribute_function(function)  # type: ignore[union-attr]
        self._converter = plugin.converter
        self._whole: set[str] = set()
        self._rows: set[str] = set()
        self._written: set[str] = set()

    def reference(self, name: str) -> dict[str, Any]:
        """A reference to a schema.

        Raises:
            KeyError: No service publishes one of this name.
        """
        self._register(name)
        self._whole.add(name)
        return {"$ref": f"#/components/schemas/{name}"}

    def row(self, view: str) -> dict[str, Any]:
        """A reference to some fields of a view, as ``fields`` chooses them.

        Raises:
            KeyError: No service publishes one of this name.
        """
        self._register(view)
        self._rows.add(view)
        return {"$ref": f"#/components/schemas/{_row_name(view)}"}

    def written(self, view: str) -> dict[str, Any]:
        """A reference to what the change of a record is answered with."""
        self.row(view)
        self._written.add(view)
        return {"$ref": f"#/components/schemas/{_written_name(view)}"}

    def is_record(self, view: str) -> bool:
        """Whether it shows one of the records that have rights."""
        return {*BARE} <= {*self.names(view)}

    def example(self, name: str) -> Mapping[str, Any] | None:
        """The payload that a schema itself gives as an example."""
        example: Mapping[str, Any] | None = vars(self._known[name]).get("example")
        return example

    def names(self, view: str) -> list[str]:
        """The fields of a view."""
        return list(self._known[view]().fields)

    def properties(self, name: str) -> Iterator[tuple[str, bool, dict[str, Any]]]:
        """Name, whether it is required, and schema of each of a schema's fields."""
        for field in self._known[name]().fields.values():
            described = self._converter.field2property(field)  # type: ignore[union-attr]
            yield field.data_key or str(field.name), field.required, described

    def components(self) -> dict[str, Any]:
        """What was asked for, and what that refers to, in the order of names."""
        self._whole |= self._referred()
        found: dict[str, Any] = {}
        for name, described in self._spec.components.schemas.items():
            schema = {"description": _sentence(self._known[name]), **described}
            for attribute, told in _attributes(self._known[name]).items():
                if attribute in schema["properties"]:
                    schema["properties"][attribute]["description"] = told
            if not issubclass(self._known[name], Input):
                # An answer may get more fields one day.
                schema.pop("additionalProperties", None)
                schema["required"] = _always_there(self._known[name], schema)
            found |= self._parts(name, schema)
        found |= {_written_name(view): self._told(view) for view in self._written}
        return dict(sorted(found.items()))

    def _register(self, name: str) -> None:
        if name not in self._spec.components.schemas:
            self._spec.components.schema(name, schema=self._known[name])

    def _referred(self) -> set[str]:
        """What registered schemas hold."""
        registered = json.dumps(self._spec.components.schemas)
        return {*re.findall(r'"#/components/schemas/(\w+)"', registered)}

    def _parts(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema, or what it is in two parts where lists have rows of it."""
        if name not in self._rows:
            return {name: schema}
        whole = {
            "description": schema.pop("description"),
            "allOf": [{"$ref": f"#/components/schemas/{_row_name(name)}"}],
            "required": schema.pop("required"),
        }
        if name not in self._whole:
            # Only lists show it, and always by such rows.
            told = f"{whole['description']} A list's `fields` chooses, as do rights."
            return {_row_name(name): {**schema, "description": told}}
        told = f"Fields of a `{name}`; a list's `fields` chooses, as do rights."
        return {_row_name(name): {**schema, "description": told}, name: whole}

    def _told(self, view: str) -> dict[str, Any]:
        return {
            "description": f"A `{view}` behind a change. Whoever may not read the "
            "record is told no more of it than what is required.",
            "allOf": [{"$ref": f"#/components/schemas/{_row_name(view)}"}],
            "required": [*BARE, *vars(self._known[view]).get("always", ())],
        }


def _always_there(view: type[Schema], schema: Mapping[str, Any]) -> list[str]:
    """The fields that every answer has: all but those that the view excepts.

    And those that roles may hide of the records that it shows.
    """
    resource = resource_of(view.__name__.removesuffix("View").lower())
    hideable = HIDEABLE.get(resource, {})
    optional = {*vars(view).get("optional", ()), *hideable, *chain(*hideable.values())}
    return [name for name in schema.get("properties", {}) if name not in optional]


def _row_name(view: str) -> str:
    return f"{view.removesuffix('View')}Fields"


def _written_name(view: str) -> str:
    return f"Changed{view.removesuffix('View')}"


def _name(schema: Any) -> str:
    return (schema if isinstance(schema, type) else type(schema)).__name__


def _sentence(schema: type[Schema]) -> str:
    told = contract_of(schema)
    return f"{told.summary} {told.description}".strip()


def _attributes(schema: type[Schema]) -> dict[str, str]:
    """What the class and those that it inherits from say of each field."""
    return {
        name: told
        for each in reversed(schema.__mro__)
        for name, told in contract_of(each).attributes.items()
    }


def _published() -> Iterator[type[Schema]]:
    for package in _PACKAGES:
        module = importlib.import_module(package)
        modules = [module]
        modules += [
            importlib.import_module(f"{package}.{found.name}")
            for found in pkgutil.iter_modules(getattr(module, "__path__", ()))
        ]
        for each in modules:
            for value in vars(each).values():
                if isinstance(value, type) and issubclass(value, Schema):
                    yield value


def _of_maps(
    _converter: Any, field: fields.Field[Any], ret: dict[str, Any], **_: Any
) -> dict[str, Any]:
    if not isinstance(field, fields.Dict):
        return {}
    found: dict[str, Any] = {}
    for bound in ("min", "max"):
        if f"{bound}Length" in ret:
            found[f"{bound}Properties"] = ret.pop(f"{bound}Length")
    for validator in getattr(field.key_field, "validators", ()):
        if isinstance(validator, validate.Regexp):
            found["propertyNames"] = {
                "pattern": _anchored(str(validator.regex.pattern))
            }
    return found


def _of_validators(
    _converter: Any, field: fields.Field[Any], ret: dict[str, Any], **_: Any
) -> dict[str, Any]:
    for name in ("x-minimum", "x-maximum"):
        ret.pop(name, None)
    if "pattern" in ret:
        ret["pattern"] = _anchored(ret["pattern"])
    if isinstance(ret.get("type"), list):
        ret["type"] = sorted(set(ret["type"]))
    ret.pop("readOnly", None)
    return {"writeOnly": True} if field.load_only else {}


def _of_constants(
    _converter: Any, field: fields.Field[Any], ret: dict[str, Any], **_: Any
) -> dict[str, Any]:
    if not isinstance(field, fields.Constant):
        return {}
    ret.pop("default", None)
    return {"type": "string", "const": field.constant}


def _anchored(pattern: str) -> str:
    """A Python pattern as ECMA-262 reads it; Python's ``match`` begins at the start."""
    bare = pattern.removeprefix("^").removesuffix("$").removesuffix(r"\Z")
    return f"^{bare}$"
