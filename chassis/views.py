"""Views of records, made fast.

Marshmallow looks up each value by way of several calls; a list of fifty records
spends most of its time there. What a schema says is read once here, and gives a
function that makes the same of a record as ``schema.dump``.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final

from marshmallow import Schema, fields, missing
from marshmallow.decorators import POST_DUMP, PRE_DUMP

from chassis.events import wire_time
from chassis.restrictions import is_among
from chassis.schemas import Moment

__all__ = ["BARE", "Dump", "bare", "dumper", "whole_list", "without"]

Dump = Callable[[Any], dict[str, Any]]
# From a value that is not None.
_Write = Callable[[Any], Any]
_Planned = tuple[str, str, _Write | None, fields.Field[Any]]

_AS_IT_IS: Final = (fields.Integer, fields.Boolean)
# What whoever may change a record, and not read it, is told of it.
BARE: Final = ("id", "version", "created_at", "updated_at")
# Where pages and batches have the records that they show.
_AROUND_VIEWS: Final = frozenset({"data", "results"})


def dumper(schema: Schema) -> Dump:
    """What ``schema.dump`` does with one object, or mapping, in less time.

    A field that is not known here is left to marshmallow, as is a schema with
    hooks.
    """
    hooks = schema._hooks  # noqa: SLF001 - they are told nowhere else
    if hooks[PRE_DUMP] or hooks[POST_DUMP]:
        return schema.dump
    plan = [
        (field.data_key or name, name, _writer(field), field)
        for name, field in schema.dump_fields.items()
    ]

    return partial(_dump, plan, schema)


def without(answer: Any, names: Collection[str]) -> Any:
    """An answer that shows nothing of the fields ``names``.

    Be it one record's view, a page of them or what became of a batch.
    """
    if not names:
        return answer
    if isinstance(answer, list):
        return [without(each, names) for each in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        name: without(value, names) if name in _AROUND_VIEWS else value
        for name, value in answer.items()
        if not is_among(name, names)
    }


def bare(answer: Any) -> Any:
    """An answer that says of records only which they are, and at which version.

    Be it one record's view or what became of a batch; what is no record stays.
    """
    if isinstance(answer, list):
        return [bare(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    if answer.keys() >= {*BARE}:
        return {name: answer[name] for name in BARE}
    return {
        name: bare(value) if name in _AROUND_VIEWS else value
        for name, value in answer.items()
    }


def whole_list(rows: list[Any]) -> dict[str, Any]:
    """The answer of a list that is too short to be read in pages."""
    return {"data": rows, "page": {"next_cursor": None, "has_more": False}}


def _dump(plan: Sequence[_Planned], schema: Schema, record: Any) -> dict[str, Any]:
    shown = {}
    is_mapping = isinstance(record, dict)
    for key, name, write, field in plan:
        if write is None:
            value = field.serialize(name, record, accessor=schema.get_attribute)
        else:
            value = (
                record.get(name, missing)
                if is_mapping
                else getattr(record, name, missing)
            )
            if value is not None and value is not missing:
                value = write(value)
        if value is not missing:
            shown[key] = value
    return shown


def _writer(field: fields.Field[Any]) -> _Write | None:
    """How a value of this field is written; None where marshmallow has to."""
    if field.attribute is not None or field.dump_default is not missing:
        return None
    return _value_writer(field)


def _value_writer(field: fields.Field[Any]) -> _Write | None:
    kind = type(field)
    if kind is Moment:
        return wire_time
    if kind in _AS_IT_IS:
        return _same
    if isinstance(field, fields.List):
        item = _value_writer(field.inner)
        return None if item is None else _each(item)
    if isinstance(field, fields.Nested):
        return None if field.many else dumper(field.schema)
    if isinstance(field, fields.Dict):
        return None if field.key_field or field.value_field else dict
    is_text = kind._serialize is fields.String._serialize  # noqa: SLF001
    return str if is_text else None


def _same(value: Any) -> Any:
    return value


def _each(write: _Write) -> _Write:
    def write_each(values: Any) -> list[Any]:
        return [None if value is None else write(value) for value in values]

    return write_each
