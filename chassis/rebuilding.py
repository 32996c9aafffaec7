"""Records as they were: the JSON values of their history, made values again."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from chassis.events import primitive

__all__ = ["patch_between", "primitives_of", "rebuilt"]

Entity = TypeVar("Entity")


def rebuilt(record: Entity, values: Mapping[str, Any]) -> Entity:
    """A record with other values of some fields.

    Args:
        record: An instance of a dataclass.
        values: By field, as its history tells them; by ``field.key`` for a
            member of an object, where null stands for none. What the class
            does not have any more is left out.
    """
    kinds = _kinds(type(record))  # type: ignore[arg-type]
    whole: dict[str, Any] = {}
    for name, value in values.items():
        field, _, key = name.partition(".")
        if field not in kinds:
            continue
        if key:
            members = whole.setdefault(field, dict(getattr(record, field)))
            members.pop(key, None)
            if value is not None:
                members[key] = value
        else:
            whole[field] = _value(kinds[field], value)
    return dataclasses.replace(record, **whole)  # type: ignore[type-var]


def primitives_of(record: Any) -> dict[str, Any]:
    """The values of a record's fields as JSON has them."""
    values: dict[str, Any] = primitive(record)
    return values


def patch_between(current: Any, wanted: Any) -> Any:
    """The merge patch (RFC 7396) that makes ``wanted`` of ``current``."""
    if not (isinstance(current, Mapping) and isinstance(wanted, Mapping)):
        return wanted
    gone = dict.fromkeys(current.keys() - wanted.keys())
    changed = {
        name: patch_between(current.get(name), value)
        for name, value in wanted.items()
        if name not in current or current[name] != value
    }
    return {**gone, **changed}


@cache
def _kinds(kind: type[Any]) -> dict[str, Any]:
    """What each field of a dataclass is declared to hold."""
    return typing.get_type_hints(kind)


def _value(kind: Any, stored: Any) -> Any:
    """A value of the declared kind; what has no kind stays as JSON has it."""
    origin = typing.get_origin(kind)
    if stored is None:
        # From before the field was there: nothing of its kind.
        return origin() if origin in {tuple, frozenset} else None
    if origin in {types.UnionType, typing.Union}:
        kinds = [each for each in typing.get_args(kind) if each is not type(None)]
        return _value(kinds[0], stored)
    if origin in {tuple, frozenset}:
        inner = typing.get_args(kind)[0]
        return origin(_value(inner, each) for each in stored)
    return _single(kind, stored)


def _single(kind: Any, stored: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        kinds = _kinds(kind)  # type: ignore[arg-type]
        return kind(  # type: ignore[operator]
            **{
                name: _value(kinds[name], value)
                for name, value in stored.items()
                if name in kinds
            }
        )
    if kind in {datetime, date}:
        return kind.fromisoformat(stored)
    if kind is Decimal or (isinstance(kind, type) and issubclass(kind, Enum)):
        return kind(stored)
    return stored
