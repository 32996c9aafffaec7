"""What a supervised process is: how to start it, ask it and stop it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stack.probes import Probe

__all__ = ["ProcessSpec"]


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One process of a stack; holds no secret, only the way to some.

    Attributes:
        stage: Started when all of the lower stages are ready, stopped before
            any of them.
        ready: Says when the process has started.
        alive: Asked now and then while it runs.
        restart_when_deaf: Whether a process that runs on without answering
            is started anew. Not for servers with data: a slow disk would
            have them killed.
        listens: The setting in which the process is given a socket, as
            ``fd://N``, that listens on its loopback port for as long as it is
            wanted: who connects while it starts anew waits, and is not refused.
    """

    name: str
    role: str
    stage: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    port: int | None
    ready: Probe
    alive: Probe
    stop_timeout_s: float = 15.0
    restart_when_deaf: bool = False
    listens: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As the supervisor takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ProcessSpec":
        """The reverse of ``to_json``."""
        fields = dict(document)
        fields["command"] = tuple(fields["command"])
        fields["ready"] = Probe(**fields["ready"])
        fields["alive"] = Probe(**fields["alive"])
        return cls(**fields)
