from pathlib import Path

import pytest

from evaluation.chaos.plan import make_plan
from evaluation.chaos.trial import run_trial
from stack.paths import StatePaths

pytestmark = pytest.mark.e2e

SECONDS = 12
# A service is killed and a relay told to stop.
SEED = 51


class TestRunTrial:
    def test_finds_nothing_lost_and_nothing_doubled(self, status):
        paths = StatePaths(Path(status["mailbox"]).parent)

        trial = run_trial(paths, SEED, SECONDS, writers=4, say=print)

        assert trial.violations == []
        assert trial.struck == len(make_plan(SEED, SECONDS))
        assert trial.found.totals["customer.contact_created"] > 10
