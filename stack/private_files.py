"""Writing files that nobody else may read and that no crash leaves half done."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["make_once", "read_json", "write_json", "write_private"]


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` at once; the file has mode 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def make_once(path: Path, text: str) -> str:
    """Write ``text`` unless the file is there already, and return what it holds."""
    if not path.is_file():
        write_private(path, text)
    return path.read_text().strip()


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` as indented JSON."""
    write_private(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """What the file holds; ``None`` if it is missing or unreadable JSON."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
