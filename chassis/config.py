"""Settings: from the environment, else from the process's secrets directory.

The same names serve everywhere: ``./crm`` and compose.yaml only differ in
where ``RAPPORT_SECRETS_DIR`` points. Nothing secret has a default.
"""

import os
from pathlib import Path

__all__ = ["MissingSettingError", "number", "secret_file", "setting"]


class MissingSettingError(Exception):
    """A setting without which the process cannot start."""


def setting(name: str, default: str | None = None) -> str:
    """Look a setting up: environment, secrets directory, default.

    Raises:
        MissingSettingError: Nothing gives a value. The message says where
            it was looked for.
    """
    value = os.environ.get(name)
    if value:
        return value
    path = _secrets_directory() / name.lower()
    if path.is_file():
        return path.read_text().strip()
    if default is None:
        raise MissingSettingError(
            f"Setting {name} is missing: set it in the environment or write it to "
            f"{path}."
        )
    return default


def number(name: str, default: int) -> int:
    """A setting that is a whole number.

    Raises:
        MissingSettingError: It is set to something else.
    """
    text = setting(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise MissingSettingError(
            f"Setting {name} is {text!r}, not a whole number."
        ) from None


def secret_file(name: str, file_name: str) -> Path:
    """The path that setting ``name`` gives, else ``file_name`` among the secrets.

    Raises:
        MissingSettingError: There is no such file.
    """
    given = os.environ.get(name)
    path = Path(given) if given else _secrets_directory() / file_name
    if not path.is_file():
        raise MissingSettingError(f"{name}: there is no file {path}.")
    return path


def _secrets_directory() -> Path:
    return Path(os.environ.get("RAPPORT_SECRETS_DIR", "/run/rapport"))
