"""Lint descriptions by the project's rules; the exit code says how it went."""

import os
import subprocess
import sys

from stack.errors import StackError
from stack.redocly.program import RULES, ensure_linter

# It would tell its makers of its use, and ask for newer versions of itself.
_SILENT = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}

try:
    linter = ensure_linter()
except StackError as error:
    sys.exit(f"crm: {error}")
ended = subprocess.run(  # noqa: S603
    [*linter, "lint", "--config", str(RULES), *sys.argv[1:]],
    env={**os.environ, **_SILENT},
    check=False,
)
sys.exit(ended.returncode)
