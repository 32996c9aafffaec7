"""``./crm test``: every check, on a stack of its own that is gone afterwards."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stack.disposable import disposable_stack, ignore_servers_of_others
from stack.errors import StackError
from stack.lifecycle import Stack
from stack.logs import last_lines
from stack.outcomes import Outcome, print_summary
from stack.packages import ensure_browser
from stack.paths import ROOT, StatePaths
from stack.ports import choose_port
from stack.private_files import write_json
from stack.status import collect_status

__all__ = ["parse_report", "run_tests"]

_STEPS: Final = ("lint", "unit", "contract", "integration", "e2e")
_ON_A_STACK: Final = ("integration", "e2e")
_LINT: Final = (
    ("ruff check", ("-m", "ruff", "check", "--quiet", ".", "crm")),
    ("ruff format", ("-m", "ruff", "format", "--check", "--quiet", ".", "crm")),
    ("mypy", ("-m", "mypy", "--no-error-summary")),
    (
        "import contracts",
        ("-c", "from importlinter.cli import lint_imports_command as c; c()"),
    ),
    ("openapi", ("-m", "stack.redocly", "gateway_flask/openapi.json")),
)
_NOTHING_COLLECTED: Final = 5
_INTERRUPTED: Final = 130


def run_tests(chosen: Sequence[str]) -> int:
    """Run the steps, print one table, and say by the exit code how it went.

    A step that failed does not keep the others from running. A step that ran
    no test has failed, and so has one whose stack did not start.
    """
    steps = _STEPS if "all" in chosen else [name for name in _STEPS if name in chosen]
    ignore_servers_of_others()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes: list[Outcome] = []
    interrupted = False
    try:
        _run_steps(steps, outcomes)
    except KeyboardInterrupt:
        interrupted = True
    ran = {outcome.step for outcome in outcomes}
    print_summary(outcomes, missing=[step for step in steps if step not in ran])
    if interrupted:
        return _INTERRUPTED
    return int(any(outcome.failed for outcome in outcomes))


def _run_steps(steps: Sequence[str], outcomes: list[Outcome]) -> None:
    for step in steps:
        if step == "lint":
            outcomes.append(_lint())
        elif step not in _ON_A_STACK:
            outcomes.append(_pytest(step, {}))
    together = [step for step in steps if step in _ON_A_STACK]
    if together:
        _run_on_a_stack(together, outcomes)


def _lint() -> Outcome:
    started = time.monotonic()
    outcome = Outcome("lint")
    for name, arguments in _LINT:
        _announce(f"lint: {name}")
        result = subprocess.run(  # noqa: S603
            [sys.executable, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            print(result.stdout + result.stderr, flush=True)
            outcome.failed += 1
        else:
            outcome.passed += 1
    outcome.seconds = time.monotonic() - started
    return outcome


def _pytest(step: str, environment: dict[str, str]) -> Outcome:
    _announce(step)
    started = time.monotonic()
    reports = ROOT / ".stack" / "reports"
    reports.mkdir(mode=0o700, parents=True, exist_ok=True)
    report = reports / f"{step}.xml"
    report.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", f"tests/{step}", "--quiet"),
        f"--junitxml={report}",
    ]
    code = _run(command, environment)
    outcome = parse_report(step, report, code)
    outcome.seconds = time.monotonic() - started
    return outcome


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, env={**os.environ, **environment}
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def parse_report(step: str, report: Path, code: int) -> Outcome:
    """Count a JUnit report; what pytest itself complained of counts as failed."""
    outcome = Outcome(step)
    with contextlib.suppress(FileNotFoundError, ET.ParseError):
        # Our own pytest wrote it a moment ago.
        for suite in ET.parse(report).iter("testsuite"):  # noqa: S314
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            outcome.failed += failed
            outcome.skipped += skipped
            outcome.passed += int(suite.get("tests", 0)) - failed - skipped
    if code == _NOTHING_COLLECTED or outcome.executed == 0:
        outcome.failed += 1
        outcome.note = "ran no test"
    elif code and not outcome.failed:
        outcome.failed = 1
        outcome.note = f"pytest ended with {code}"
    return outcome


def _run_on_a_stack(steps: Sequence[str], outcomes: list[Outcome]) -> None:
    before = len(outcomes)
    with disposable_stack("test", _say) as (stack, lifeline):
        try:
            _run_steps_on(stack, steps, lifeline, outcomes)
        finally:
            well = len(outcomes) == before + len(steps)
            well = well and not any(outcome.failed for outcome in outcomes[before:])
            if not well:
                _show_suspects(stack.paths)
                _keep_logs(stack.paths)
            _announce("stopping the test stack")


def _run_steps_on(
    stack: Stack, steps: Sequence[str], lifeline: int, outcomes: list[Outcome]
) -> None:
    _announce("starting a stack for the tests")
    started = time.monotonic()
    try:
        if "e2e" in steps:
            ensure_browser(_say)
        stack.up(choose_port(()), lifeline)
    except StackError as error:
        print(f"crm: {error}", file=sys.stderr)
        seconds = time.monotonic() - started
        outcomes.append(
            Outcome("stack", failed=1, seconds=seconds, note="did not start")
        )
        return
    status_file = stack.paths.root / "status.json"
    write_json(status_file, collect_status(stack.paths))
    environment = {
        "RAPPORT_STATE_DIR": str(stack.paths.root),
        "RAPPORT_STATUS_FILE": str(status_file),
    }
    for step in steps:
        outcome = _pytest(step, environment)
        outcomes.append(outcome)


def _show_suspects(paths: StatePaths) -> None:
    """The last words of every process that is not well or was started again."""
    for process in collect_status(paths)["processes"]:
        if process["state"] == "running" and not process["restarts"]:
            continue
        print(f"\n{process['name']} ({process['state']}) wrote last:")
        for line in last_lines(paths.log_of(process["name"]), 15, 300):
            print(f"    {line}")


def _keep_logs(paths: StatePaths) -> None:
    kept = ROOT / ".stack" / "last-test-logs"
    if paths.logs.exists():
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(paths.logs, kept)
        _say(f"the logs of that stack are in {kept}")


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def _announce(text: str) -> None:
    print(f"== {text}", flush=True)
