"""Talking to a stack's supervisor: one JSON line each way over a unix socket."""

import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from stack.errors import StackError
from stack.paths import StatePaths

__all__ = ["NoAnswerError", "Supervisor", "socket_path"]

# sun_path holds 108 bytes on Linux, 104 on macOS, the final zero included.
_LONGEST_PATH: Final = 100


def socket_path(paths: StatePaths) -> Path:
    """Where the supervisor of this state directory listens.

    A state directory deep in the tree makes too long an address for a unix
    socket; its socket then lies in a directory of ours among the temporary
    files, which only we can enter.
    """
    path = paths.root / "supervisor.sock"
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(paths.root)).hexdigest()[:16]
    directory = Path(tempfile.gettempdir()) / f"rapport-{os.getuid()}-{digest}"
    directory.mkdir(mode=0o700, exist_ok=True)
    owner = directory.lstat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise StackError(
            f"{directory} belongs to somebody else. Use a state directory with a "
            "shorter path (RAPPORT_STATE_DIR)."
        )
    return directory / "supervisor.sock"


class NoAnswerError(StackError):
    """The supervisor said nothing for as long as we cared to wait."""


class Supervisor:
    """The client's side."""

    def __init__(self, paths: StatePaths) -> None:
        self._paths = paths

    def is_running(self) -> bool:
        """Whether anybody answers."""
        try:
            self.ask("ping", timeout_s=5)
        except StackError:
            return False
        return True

    def ask(self, command: str, *, timeout_s: float = 120, **arguments: Any) -> Any:
        """Have a command carried out; returns its answer.

        Raises:
            StackError: Nobody listens, or the supervisor says why not.
        """
        return next(self.stream(command, timeout_s=timeout_s, **arguments))

    def stream(
        self, command: str, *, timeout_s: float, **arguments: Any
    ) -> Iterator[Any]:
        """The answers to a command that has several, as they come.

        Raises:
            StackError: As ``ask``.
            NoAnswerError: None came for ``timeout_s``.
        """
        with self._connect(timeout_s) as connection:
            request = {"command": command, **arguments}
            connection.sendall(json.dumps(request).encode() + b"\n")
            try:
                with connection.makefile() as lines:
                    for line in lines:
                        yield self._unwrap(json.loads(line))
            except TimeoutError:
                raise NoAnswerError(
                    f"The supervisor did not answer for {timeout_s:.0f} s. See "
                    f"{self._paths.log_of('supervisor')}."
                ) from None
            except OSError:
                # It was stopped in the middle of an answer.
                pass
        raise StackError("The stack was stopped meanwhile. Start it with `./crm up`.")

    def _connect(self, timeout_s: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(socket_path(self._paths)))
        except OSError:
            connection.close()
            raise StackError(
                "The stack is not running. Start it with `./crm up`."
            ) from None
        return connection

    def _unwrap(self, answer: dict[str, Any]) -> Any:
        if "error" in answer:
            raise StackError(answer["error"])
        return answer["answer"]
