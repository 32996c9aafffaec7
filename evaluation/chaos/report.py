"""The outcome of a run: a table for people, a document for programs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from evaluation.chaos.ledger import describe
from evaluation.chaos.trial import Trial
from evaluation.chaos.writes import Outcome

__all__ = ["table", "to_json", "violation_lines"]

_KINDS: Final = (
    "lost",
    "doubled",
    "event missing",
    "event doubled",
    "delivery",
    "dead letter",
    "stuck",
    "refused",
    "slow",
    "internal error",
    "not replayed",
    "unsettled",
    "not back",
    "log broken",
)
_SHOWN_VIOLATIONS: Final = 20
_NAME_WIDTH: Final = 26
_WIDTH: Final = 9


def _kinds(trial: Trial) -> Counter[str]:
    return Counter(each.kind for each in trial.violations)


_COUNTS: Final[Mapping[str, Callable[[Trial], int]]] = {
    "faults": lambda trial: trial.struck,
    "  planned": lambda trial: len(trial.plan),
    "writes": lambda trial: sum(1 for _ in trial.book),
    "  made": lambda trial: sum(each.outcome is Outcome.MADE for each in trial.book),
    "retries": lambda trial: trial.book.retries(),
    "repeated after success": lambda trial: sum(
        each.repetition is not None for each in trial.book
    ),
    "events counted": lambda trial: sum(trial.found.totals.values()),
    "deliveries": lambda trial: sum(map(len, trial.found.deliveries.values())),
    "  of them unknown": lambda trial: sum(
        delivery.status == "unknown"
        for deliveries in trial.found.deliveries.values()
        for delivery in deliveries
    ),
}
_SECONDS: Final[Mapping[str, Callable[[Trial], float]]] = {
    "slowest answer, s": lambda trial: trial.book.slowest_s(),
    "  behind its deadline, s": lambda trial: trial.book.latest_s(),
    "quiet after, s": lambda trial: trial.quiet_after_s,
}


def table(trials: Sequence[Trial]) -> str:
    """One column for each seed, and one for all of them."""
    lines = [_line("seed", [str(trial.seed) for trial in trials], "sum", trials)]
    for name, count in _COUNTS.items():
        lines.append(_counted(name, [count(trial) for trial in trials]))
    answers = [trial.book.answers() for trial in trials]
    lines += [
        _counted(f"answered {status}", [each[status] for each in answers])
        for status in sorted(set().union(*answers))
    ]
    for name, measure in _SECONDS.items():
        values = [measure(trial) for trial in trials]
        texts = [f"{value:.1f}" for value in values]
        lines.append(_line(name, texts, f"{max(values):.1f}", trials))
    lines += [
        _counted(kind, [_kinds(trial)[kind] for trial in trials]) for kind in _KINDS
    ]
    verdicts = ["FAILED" if trial.violations else "ok" for trial in trials]
    worst = "FAILED" if "FAILED" in verdicts else "ok"
    lines.append(_line("verdict", verdicts, worst, trials))
    return "\n".join(lines)


def _counted(name: str, counts: Sequence[int]) -> str:
    return _line(name, [str(each) for each in counts], str(sum(counts)), counts)


def _line(name: str, texts: Sequence[str], total: str, columns: Sequence[Any]) -> str:
    shown = [*texts, total] if len(columns) > 1 else texts
    return f"{name:<{_NAME_WIDTH}}" + "".join(f"{text:>{_WIDTH}}" for text in shown)


def violation_lines(trial: Trial) -> list[str]:
    """The violations of one seed, the first of them at least."""
    lines = [describe(each) for each in trial.violations[:_SHOWN_VIOLATIONS]]
    more = len(trial.violations) - len(lines)
    return [*lines, f"and {more} more"] if more else lines


def to_json(trials: Sequence[Trial]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "ok": not any(trial.violations for trial in trials),
        "seeds": [_trial(trial) for trial in trials],
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "seed": trial.seed,
        "ok": not trial.violations,
        "took_s": round(trial.took_s, 1),
        "plan": [{"at_s": fault.at_s, "what": str(fault.kind)} for fault in trial.plan],
        **{name.strip().replace(" ", "_"): of(trial) for name, of in _COUNTS.items()},
        "answers": dict(trial.book.codes()),
        "slowest_s": round(trial.book.slowest_s(), 2),
        "quiet_after_s": round(trial.quiet_after_s, 1),
        "events": dict(trial.found.totals),
        "violations": [vars(each) for each in trial.violations],
    }
