"""What ``./crm`` does before the package can run: its virtual environment.

Only the standard library is to be had here.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stack.debian import extract_packages, install_packages
from stack.errors import StackError

__all__ = ["environment_key", "main"]

_INTERRUPTED_EXIT_CODE: Final = 130
_STEPS: Final = 3
_UNFINISHED: Final = "unfinished"
_DEBIAN_WHEELS: Final = Path("/usr/share/python-wheels")


def main(root: Path) -> None:
    """Make the virtual environment if need be, then become ``rapport``."""
    environment = root / ".venv"
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        _ensure(root, environment)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    except StackError as error:
        sys.exit(f"crm: {error}")
    except KeyboardInterrupt:
        print("crm: interrupted; the next run goes on from here", file=sys.stderr)
        sys.exit(_INTERRUPTED_EXIT_CODE)
    command = environment / "bin" / "rapport"
    sys.stdout.flush()
    # The mask lasts through this, until stack.cli lifts it.
    os.execv(command, [str(command), *sys.argv[1:]])  # noqa: S606


def environment_key(root: Path) -> str:
    """Changes with whatever the virtual environment was made from."""
    digest = hashlib.sha256(f"{root}\n{sys.version_info[:2]}\n".encode())
    for name in ("requirements.lock", "setup.cfg"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def _ensure(root: Path, environment: Path) -> None:
    marker = environment / ".made-from"
    key = environment_key(root)
    if _holds(marker, key):
        return
    with _locked(root):
        # Another run may have done it while this one waited.
        if _holds(marker, key):
            return
        if _holds(marker, _UNFINISHED):
            # Which packages are whole, nobody can tell.
            shutil.rmtree(environment)
        _make(root, environment, marker)
        marker.write_text(key)


def _holds(marker: Path, key: str) -> bool:
    return marker.is_file() and marker.read_text() == key


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    directory = root / ".stack"
    directory.mkdir(mode=0o700, exist_ok=True)
    with (directory / "venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("waiting for another ./crm to finish")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(root: Path, environment: Path, marker: Path) -> None:
    python = environment / "bin" / "python"
    if not _works(python):
        _step(1, "making the virtual environment .venv")
        _create(environment)
    marker.write_text(_UNFINISHED)
    _step(2, "installing the locked requirements")
    lock = root / "requirements.lock"
    _pip(python, "--require-hashes", "--requirement", str(lock))
    _step(3, "installing Rapport itself")
    # Compatible mode puts the checkout on the path, packages made later included.
    _pip(
        python,
        *("--no-deps", "--no-build-isolation", "--editable", str(root)),
        *("--config-settings", "editable_mode=compat"),
    )


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    check = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    result = subprocess.run(  # noqa: S603
        [python, "-c", check], capture_output=True, check=False
    )
    return result.returncode == 0


def _create(environment: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    if _has_ensurepip() or _install_venv_package():
        command = [sys.executable, "-m", "venv", str(environment)]
        result = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise StackError(f"The virtual environment failed: {_end_of(result)}.")
        return
    venv.create(environment, with_pip=False)
    _add_pip(environment)


def _has_ensurepip() -> bool:
    return importlib.util.find_spec("ensurepip") is not None


def _install_venv_package() -> bool:
    """Debian keeps ensurepip in a package of its own, which root can install."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    major, minor = sys.version_info[:2]
    _say("installing python3-venv with apt")
    install_packages([f"python{major}.{minor}-venv"])
    return _has_ensurepip()


def _add_pip(environment: Path) -> None:
    """Without root: the wheel of pip from Debian's package puts pip in place."""
    if shutil.which("apt-get") is None:
        raise StackError(
            "This Python lacks ensurepip, so no virtual environment can be made. "
            "Install your system's python3-venv package."
        )
    python = environment / "bin" / "python"
    if _install_pip_from(_DEBIAN_WHEELS, python):
        return
    _say("fetching pip with apt, without root")
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "pip"
        extract_packages(["python3-pip-whl"], target)
        unpacked = target / _DEBIAN_WHEELS.relative_to("/")
        if _install_pip_from(unpacked, python):
            return
    raise StackError(
        "pip could not be had without root. Have an administrator run `apt-get install "
        "python3-venv`."
    )


def _install_pip_from(wheels: Path, python: Path) -> bool:
    for wheel in wheels.glob("pip-*.whl"):
        _run([python, wheel / "pip", "install", "--quiet", "--no-index", wheel])
        return True
    return False


def _pip(python: Path, *arguments: str) -> None:
    _run(
        [
            *(python, "-m", "pip", "install", "--quiet", "--no-input"),
            *("--disable-pip-version-check", "--no-warn-script-location"),
            *arguments,
        ]
    )


def _run(command: Sequence[str | Path]) -> None:
    result = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise StackError(
            f"pip failed: {_end_of(result)}. Check that it reaches its package index, "
            "then run the same command again."
        )


def _end_of(result: subprocess.CompletedProcess[str]) -> str:
    text = (result.stderr or result.stdout).strip()
    return text.splitlines()[-1] if text else f"exit code {result.returncode}"


def _step(number: int, text: str) -> None:
    _say(f"[{number}/{_STEPS}] {text}")


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
