"""``./crm chaos``: a private stack, one trial for each seed, and a verdict."""

import json
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.chaos.ledger import compare, describe
from evaluation.chaos.report import table, to_json, violation_lines
from evaluation.chaos.trial import Trial, run_trial
from evaluation.chaos.writes import Write
from stack.disposable import disposable_stack, ignore_servers_of_others
from stack.errors import StackError
from stack.lifecycle import Stack
from stack.paths import ROOT
from stack.ports import choose_port
from stack.settings import Settings

__all__ = ["Options", "run_chaos"]

# One role of each sort has a second process that can take over.
_SCALE: Final = {"customer-rpc": 2, "customer-events": 2}


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        seconds: How long the load of each seed lasts.
        first_seed: The others follow it one by one.
    """

    seconds: float
    seeds: int
    first_seed: int
    writers: int
    as_json: bool


def run_chaos(options: Options) -> int:
    """Run and print; 0 if every promise was kept with every seed.

    Raises:
        StackError: The stack did not start or was not well to begin with.
    """
    ignore_servers_of_others()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    last = options.first_seed + options.seeds - 1
    _say(f"seeds {options.first_seed} to {last}, {options.seconds:.0f} s each")
    trials: list[Trial] = []
    with disposable_stack("chaos", _say) as (stack, lifeline):
        settings = Settings.load(stack.paths)
        settings.scale = dict(_SCALE)
        settings.save(stack.paths)
        stack.up(choose_port(()), lifeline)
        try:
            # One by one: what there is so far is shown, whatever happens.
            trials.extend(
                _run(stack, seed, options)
                for seed in range(options.first_seed, last + 1)
            )
        finally:
            _print(trials, options)
    return int(any(trial.violations for trial in trials))


def _say(text: str) -> None:
    """Progress, which is no part of the outcome."""
    print(f"  {text}", file=sys.stderr, flush=True)


def _run(stack: Stack, seed: int, options: Options) -> Trial:
    _say(f"seed {seed}")
    try:
        trial = run_trial(stack.paths, seed, options.seconds, options.writers, _say)
    except ValueError as error:
        kept = _keep_logs(stack, seed)
        raise StackError(f"{error} The logs are in {kept}.") from error
    verdict = f"{len(trial.violations)} violations" if trial.violations else "ok"
    _say(f"seed {seed}: {verdict}, {trial.took_s:.0f} s")
    if trial.violations:
        for line in violation_lines(trial):
            _say(f"  {line}")
        _say(f"  all of it is in {_keep(stack, trial)}")
    return trial


def _keep(stack: Stack, trial: Trial) -> Path:
    """Keep what is needed to find out why: logs, violations, the writes concerned."""
    kept = _keep_logs(stack, trial.seed)
    subjects = {each.subject for each in trial.violations}
    report = {
        **to_json([trial]),
        "violations": [describe(each) for each in compare(trial.book, trial.found)],
        "writes": [_write(each) for each in trial.book if each.key in subjects],
    }
    (kept / "report.json").write_text(json.dumps(report, indent=2))
    return kept


def _keep_logs(stack: Stack, seed: int) -> Path:
    kept = ROOT / ".stack" / "chaos" / str(seed)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(stack.paths.logs, kept)
    return kept


def _write(write: Write) -> dict[str, object]:
    return {
        "key": write.key,
        "operation": write.operation,
        "record_id": write.record_id or write.result.get("id"),
        "outcome": write.outcome,
        "answers": [
            f"{answer} {answer.took_s:.2f} s {answer.request_id}"
            for answer in write.answers
        ],
    }


def _print(trials: list[Trial], options: Options) -> None:
    if options.as_json:
        print(json.dumps(to_json(trials), indent=2))
    elif trials:
        print(f"\n{table(trials)}")
