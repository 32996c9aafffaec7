"""Debian packages: installed by root, unpacked into a directory by anybody else."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from stack.errors import StackError

__all__ = ["extract_packages", "install_packages", "planned_packages"]

_POLICY: Final = Path("/usr/sbin/policy-rc.d")
_NO_START: Final = "#!/bin/sh\nexit 101\n"
_INSTALLING = re.compile(r"^Inst (\S+)", re.MULTILINE)


def install_packages(packages: Sequence[str]) -> None:
    """Install with apt, as root, without starting the servers that come along.

    Raises:
        StackError: apt could not; the message holds its last line.
    """
    with _servers_not_started():
        # A first run that was cut short may have left packages half-way.
        _run("dpkg", "--configure", "-a")
        install = ("apt-get", "install", "-y", "--no-install-recommends", *packages)
        if _run(*install).returncode == 0:
            return
        _run("apt-get", "update")
        result = _run(*install)
    if result.returncode:
        raise StackError(
            f"apt could not install {' '.join(packages)}: {_last_line(result)}. "
            "Install them by hand and run `./crm up` again."
        )


@contextlib.contextmanager
def _servers_not_started() -> Iterator[None]:
    """Debian's packages start their servers, on every interface, unless told not to."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text(_NO_START)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def extract_packages(
    packages: Sequence[str],
    target: Path,
    adapt: Callable[[Path], None] = lambda _unpacked: None,
) -> None:
    """Download the packages and what they need, and unpack them into ``target``.

    Args:
        packages: Their names; the first is one that is not installed.
        target: A directory that is there only when all of it is.
        adapt: Corrects what was unpacked, before it is in its place.

    Raises:
        StackError: They cannot be downloaded.
    """
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    archives = unfinished / "archives"
    archives.mkdir(parents=True)
    options = _own_lists(unfinished)
    names = _plan(packages, options)
    if packages[0] not in names:
        # The system has no package lists, or knows none that has it.
        options = _own_lists(unfinished, refresh=True)
        names = _plan(packages, options)
    result = _run("apt-get", *options, "download", *names, cwd=archives)
    if result.returncode or packages[0] not in names:
        raise StackError(
            f"{' '.join(packages)} could not be downloaded: {_last_line(result)}. Ask "
            "an administrator to install them, or use `docker compose up --wait`."
        )
    for archive in archives.glob("*.deb"):
        _run("dpkg", "-x", str(archive), str(unfinished))
    shutil.rmtree(archives)
    adapt(unfinished)
    unfinished.rename(target)


def _own_lists(directory: Path, *, refresh: bool = False) -> list[str]:
    """Options for apt; package lists of our own where the system has none."""
    if not refresh:
        return []
    state = directory / "apt"
    (state / "lists" / "partial").mkdir(parents=True)
    options = [
        *("-o", f"Dir::State::lists={state / 'lists'}"),
        *("-o", f"Dir::Cache={state}"),
        *("-o", "Debug::NoLocking=true"),
    ]
    _run("apt-get", *options, "update")
    return options


def _plan(packages: Sequence[str], options: Sequence[str]) -> list[str]:
    result = _run(
        *("apt-get", *options, "--simulate", "install"),
        *("--no-install-recommends", *packages),
    )
    return planned_packages(result.stdout)


def planned_packages(simulation: str) -> list[str]:
    """The packages that a simulated installation would bring."""
    return _INSTALLING.findall(simulation)


def _run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """In a session of its own: Ctrl-C must not leave a package half configured."""
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=cwd,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, error = process.communicate()
    except KeyboardInterrupt:
        process.communicate()
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, error)


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = (result.stderr or result.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {result.returncode}"
