"""Waiting until processes are ready, without asking again and again."""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from stack.control import NoAnswerError, Supervisor
from stack.errors import StackError
from stack.logs import last_lines
from stack.paths import StatePaths
from stack.preflight import LEAST_FREE_BYTES, check_disk

__all__ = ["Waiting"]

_TIMEOUT_S: Final = 120.0
_SHOWN_LINES: Final = 8
_SHOWN_WIDTH: Final = 200


@dataclass(frozen=True)
class Waiting:
    """Follows the supervisor of one stack."""

    paths: StatePaths

    def until_running(
        self,
        names: Iterable[str],
        *,
        say: Callable[[str], None] = lambda _text: None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        """Return when each of the processes answers; ``say`` hears of each.

        Raises:
            StackError: One keeps ending, or the time is over.
        """
        missing = set(names)
        with contextlib.suppress(NoAnswerError):
            self._follow(missing, timeout_s, say)
        if missing:
            raise StackError(
                f"{', '.join(sorted(missing))} did not get ready within "
                f"{timeout_s:.0f} s. See `./crm logs`."
            )

    def _follow(
        self, missing: set[str], timeout_s: float, say: Callable[[str], None]
    ) -> None:
        """Take out of ``missing`` what runs, until none is left or time is over."""
        started = time.monotonic()
        for snapshot in Supervisor(self.paths).stream("follow", timeout_s=timeout_s):
            passed_s = time.monotonic() - started
            for name in self._newly_running(missing, snapshot):
                missing.discard(name)
                say(f"{name:<20} {passed_s:5.1f} s")
            if not missing or passed_s > timeout_s:
                return

    def _newly_running(
        self, missing: set[str], snapshot: list[dict[str, Any]]
    ) -> list[str]:
        running = []
        for process in snapshot:
            if process["name"] in missing:
                self._check_crash_loop(process)
                if process["state"] == "running":
                    running.append(process["name"])
        return running

    def _check_crash_loop(self, process: dict[str, Any]) -> None:
        if process["state"] != "crash-loop":
            return
        check_disk(self.paths, LEAST_FREE_BYTES)
        name = process["name"]
        lines = last_lines(self.paths.log_of(name), _SHOWN_LINES, _SHOWN_WIDTH)
        tail = "\n".join(f"    {line}" for line in lines)
        raise StackError(
            f"{name} keeps ending ({process['last_exit']}). It wrote last:\n{tail}\n"
            f"See `./crm logs {name}`."
        )
