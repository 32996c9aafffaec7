"""Operating a running stack: restart, scale, logs, settings for a shell."""

import re
import shlex
from collections.abc import Iterable
from typing import Final

from stack.control import Supervisor
from stack.errors import StackError
from stack.lifecycle import Stack
from stack.logs import follow, last_lines
from stack.paths import StatePaths
from stack.principals import PRINCIPALS
from stack.processes import ROLES
from stack.settings import Settings

__all__ = [
    "matching",
    "parse_scale",
    "print_environment",
    "restart",
    "scale",
    "show_logs",
]

_SCALE = re.compile(r"([a-z]+)-(rpc|events)=(\d+)")
_MOST_PROCESSES: Final = 32
_SHOWN_LINES: Final = 100


def matching(wanted: str, names: Iterable[str]) -> list[str]:
    """The processes meant by a name: one, those it begins, or ``all``.

    Raises:
        StackError: None is meant.
    """
    known = list(names)
    if wanted == "all":
        return known
    if wanted in known:
        return [wanted]
    found = [name for name in known if name.startswith(f"{wanted}-")]
    if not found:
        raise StackError(
            f"There is no process {wanted}. There are: {', '.join(known)}; `sales` "
            "means all of that service, `all` means all."
        )
    return found


def restart(paths: StatePaths, wanted: str) -> list[str]:
    """Stop and start processes, and wait until they are ready."""
    supervisor = Supervisor(paths)
    running = [process["name"] for process in supervisor.ask("status")]
    names = matching(wanted, running)
    supervisor.ask("restart", names=names)
    return names


def parse_scale(text: str) -> tuple[str, int]:
    """``sales-rpc=3`` as its two parts.

    Raises:
        StackError: It is not that.
    """
    match = _SCALE.fullmatch(text)
    if (
        match is None
        or match[1] not in PRINCIPALS
        or match[2] not in ROLES
        or not 1 <= int(match[3]) <= _MOST_PROCESSES
    ):
        raise StackError(
            f"{text} is not of the form sales-rpc=3: a service, its role (rpc or "
            f"events), and a number from 1 to {_MOST_PROCESSES}."
        )
    return f"{match[1]}-{match[2]}", int(match[3])


def scale(stack: Stack, text: str) -> None:
    """Run so many processes of a role, from now on and after the next start."""
    role, count = parse_scale(text)
    settings = Settings.load(stack.paths)
    before = settings.scale.get(role, 1)
    settings.scale[role] = count
    surplus = [f"{role}-{number}" for number in range(count + 1, before + 1)]
    stack.rescale(settings, surplus)


def show_logs(paths: StatePaths, wanted: str, *, keep_following: bool) -> None:
    """Print the end of the logs, and what is added if told to.

    Raises:
        StackError: No process of that name has a log.
    """
    names = sorted(path.stem for path in paths.logs.glob("*.log"))
    if not names:
        raise StackError("There are no logs yet. Start the stack with `./crm up`.")
    chosen = {name: paths.log_of(name) for name in matching(wanted, names)}
    if keep_following:
        follow(chosen)
    width = max(map(len, chosen), default=0)
    for name, path in chosen.items():
        prefix = f"{name:<{width}} | " if len(chosen) > 1 else ""
        for line in last_lines(path, _SHOWN_LINES):
            print(f"{prefix}{line}")


def print_environment(paths: StatePaths, principal: str) -> None:
    """Shell lines after which ``nameko run`` finds the stack as that service.

    Raises:
        StackError: There is no such principal, or no stack was set up.
    """
    if principal not in PRINCIPALS:
        raise StackError(
            f"There is no service {principal}. There are: {', '.join(PRINCIPALS)}."
        )
    directory = paths.secrets_of(principal)
    if not (directory / "amqp_uri").is_file():
        raise StackError("The stack was never started. Start it with `./crm up`.")
    settings = Settings.load(paths)
    values = {"RAPPORT_SECRETS_DIR": str(directory)}
    for name in ("amqp_uri", "mongo_uri", "redis_cache_url", "redis_state_url"):
        if (directory / name).is_file():
            values[name.upper()] = (directory / name).read_text().strip()
    values["PUBLIC_URL"] = settings.public_url
    values["SMTP_URL"] = f"smtp://127.0.0.1:{settings.ports['mail']}"
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")
