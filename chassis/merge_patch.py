"""JSON Merge Patch (RFC 7396) below the fields of a record."""

from collections.abc import Mapping
from typing import Any

__all__ = ["merge", "with_merged_objects"]


def merge(target: Any, patch: Any) -> Any:
    """``target`` with ``patch`` applied (RFC 7396 §2); null removes a member."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def with_merged_objects(
    patch: Mapping[str, Any], current: Mapping[str, Any]
) -> dict[str, Any]:
    """A patch whose objects are whole: what they leave out is as it was.

    Null and all other values stay, for the record's own input to judge.
    """
    return {
        name: merge(current.get(name), value) if isinstance(value, Mapping) else value
        for name, value in patch.items()
    }
