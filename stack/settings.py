"""What one stack remembers from run to run: its ports and process counts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Final

from stack.paths import StatePaths
from stack.ports import choose_port
from stack.private_files import read_json, write_json

__all__ = ["DEFAULT_GATEWAY_PORT", "Settings"]

DEFAULT_GATEWAY_PORT: Final = 8000


@dataclass
class Settings:
    """The contents of ``stack.json``.

    Attributes:
        ports: By the name of the process or of what else listens.
        scale: Numbers of processes that differ from one, as ``sales-rpc``.
        external: The servers that are somebody else's.
    """

    gateway_port: int = DEFAULT_GATEWAY_PORT
    ports: dict[str, int] = field(default_factory=dict)
    scale: dict[str, int] = field(default_factory=dict)
    external: list[str] = field(default_factory=list)

    @property
    def public_url(self) -> str:
        """How clients reach the gateway; tokens name it as their issuer."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @classmethod
    def load(cls, paths: StatePaths) -> "Settings":
        """Read what an earlier run kept; defaults if there was none."""
        kept = read_json(paths.settings) or {}
        return cls(
            gateway_port=kept.get("gateway_port", DEFAULT_GATEWAY_PORT),
            ports=kept.get("ports", {}),
            scale=kept.get("scale", {}),
            external=kept.get("external", []),
        )

    def save(self, paths: StatePaths) -> None:
        """Keep this for the next run."""
        write_json(paths.settings, asdict(self))

    def choose_ports(self, names: Iterable[str], *, in_use: Iterable[str] = ()) -> None:
        """Give each name a port, the one it had if it can still be had.

        Args:
            names: Who needs one; ports of others are forgotten.
            in_use: Those that run now and keep theirs whatever happens.
        """
        held = {name: self.ports[name] for name in in_use if name in self.ports}
        chosen: dict[str, int] = dict(held)
        for name in names:
            if name not in chosen:
                taken = {self.gateway_port, *chosen.values()}
                chosen[name] = choose_port(taken, self.ports.get(name))
        self.ports = chosen
