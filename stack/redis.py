"""Redis twice: a cache that evicts, and a state store that does not."""

from pathlib import Path
from typing import Final

from stack.private_files import write_private

__all__ = ["render_common", "render_configuration"]

_CACHE: Final = """\
maxmemory 64mb
maxmemory-policy allkeys-lru
save ""
appendonly no
"""
_STATE: Final = """\
maxmemory 128mb
maxmemory-policy noeviction
save ""
appendonly yes
appendfsync everysec
"""


def render_common(server: str, password: str) -> str:
    """What holds wherever the server runs; secret, since it has the password."""
    return f"requirepass {password}\n" + (_CACHE if server == "redis" else _STATE)


def render_configuration(directory: Path, common: Path, port: int) -> Path:
    """Write the configuration of a private server on ``port``, and name it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / "redis.conf"
    text = (
        f'include "{common}"\n'
        f"bind 127.0.0.1\nport {port}\nprotected-mode yes\n"
        # Ten wake-ups a second do for one developer; the default is for crowds.
        f"hz 1\ndynamic-hz yes\n"
        f'dir "{directory}"\n'
        f'daemonize no\nlogfile ""\n'
    )
    write_private(path, text)
    return path
