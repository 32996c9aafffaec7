"""Where the stack keeps things: the checkout, and its state directory."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "StatePaths", "programs_directory", "state_paths"]

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class StatePaths:
    """The files of one stack, all below ``root``."""

    root: Path

    @property
    def secrets(self) -> Path:
        """One directory per principal, and ``demo.json``."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.root / "logs"

    @property
    def settings(self) -> Path:
        """Ports and process counts."""
        return self.root / "stack.json"

    @property
    def mailbox(self) -> Path:
        """The maildir in which the mail catcher keeps what it was sent."""
        return self.root / "mailbox"

    @property
    def children(self) -> Path:
        """The processes that the supervisor started, for whoever follows it."""
        return self.root / "processes.json"

    def secrets_of(self, principal: str) -> Path:
        """The directory that a process of ``principal`` reads its settings from."""
        return self.secrets / principal

    def data_of(self, process: str) -> Path:
        """Where a server keeps its data and its rendered configuration."""
        return self.root / process

    def log_of(self, process: str) -> Path:
        """The log of one process."""
        return self.logs / f"{process}.log"

    def make(self) -> None:
        """Create the directories, readable by nobody else."""
        for directory in (self.root, self.secrets, self.logs):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def state_paths() -> StatePaths:
    """The stack in ``RAPPORT_STATE_DIR``, else the one of this checkout."""
    given = os.environ.get("RAPPORT_STATE_DIR")
    return StatePaths(Path(given).resolve() if given else ROOT / ".stack")


def programs_directory() -> Path:
    """Where downloaded servers lie, shared by every stack of this checkout."""
    return ROOT / ".stack"
