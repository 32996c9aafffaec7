"""How the steps of a test run ended, and the table that tells it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Outcome", "print_summary", "summary_line"]


@dataclass
class Outcome:
    """The result of one step.

    Attributes:
        note: Why it failed, where no test tells.
    """

    step: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""

    @property
    def executed(self) -> int:
        """How many tests said yes or no."""
        return self.passed + self.failed


def summary_line(outcomes: Iterable[Outcome]) -> str:
    """``N passed, N failed``, and how many were skipped if any were."""
    counted = list(outcomes)
    passed = sum(outcome.passed for outcome in counted)
    failed = sum(outcome.failed for outcome in counted)
    skipped = sum(outcome.skipped for outcome in counted)
    line = f"{passed} passed, {failed} failed"
    return f"{line}, {skipped} skipped" if skipped else line


def print_summary(outcomes: Iterable[Outcome], missing: Sequence[str] = ()) -> None:
    """One table; its last line is ``summary_line``.

    Args:
        outcomes: The steps that ran.
        missing: Those that did not get their turn.
    """
    counted = list(outcomes)
    print(f"\n{'step':<14}{'result':<10}{'tests':>7}{'seconds':>10}")
    for outcome in counted:
        result = "FAILED" if outcome.failed else "passed"
        tests = outcome.executed + outcome.skipped
        print(
            f"{outcome.step:<14}{result:<10}{tests:>7}{outcome.seconds:>10.1f}"
            f"  {outcome.note}".rstrip()
        )
    if missing:
        print(f"did not run: {', '.join(missing)}")
    print(summary_line(counted), flush=True)
