"""The two roles of a service, and the class that plays each of them."""

import importlib
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["ROLES", "service_class"]

ROLES: Final[Mapping[str, str]] = {"rpc": "service", "events": "handlers"}


def service_class(package: str, role: str) -> type[Any]:
    """The Nameko class of a role: ``service.py`` for rpc, ``handlers.py`` for events.

    Raises:
        LookupError: The module does not define exactly one.
    """
    module = importlib.import_module(f"{package}.{ROLES[role]}")
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and isinstance(getattr(value, "name", None), str)
    ]
    if len(classes) != 1:
        raise LookupError(f"{module.__name__} defines {len(classes)} services, not 1.")
    return classes[0]
