"""A quick look at records and timelines, on a stack of the benchmark's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# A minute and a half on a machine that others use as well.
LONGEST_S = 300
CONTACTS = 400


@pytest.fixture(scope="module")
def findings():
    command = [sys.executable, "-m", "stack.cli", "bench", "customer", "--json"]
    quick = ["--contacts", str(CONTACTS), "--seconds", "0.03", "--rounds", "1"]
    ended = subprocess.run(  # noqa: S603 - our own command
        [*command, *quick],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


class TestCustomerBenchmark:
    def test_makes_entries_of_timelines(self, findings):
        counts = findings["data"]["counts"]

        assert counts["contacts"] == CONTACTS + CONTACTS // 10
        assert counts["interactions"] > 3 * counts["contacts"]

    def test_reads_at_fixed_rates(self, findings):
        rated = findings["reads"]["rated"]

        assert len(rated) == 4
        for each in rated:
            assert 0 < each["p50_ms"] <= each["p95_ms"] <= each["p99_ms"]
            assert each["errors"] == {}

    def test_previews_segments_and_waits_for_members(self, findings):
        segments = findings["segments"]

        assert len(segments["previews"]) == 6
        assert sum(each["count"] > 0 for each in segments["previews"]) >= 3
        assert len(segments["lags_s"]) > 5
        assert segments["unnoticed"] == 0

    def test_tells_what_the_history_takes(self, findings):
        history = findings["history"]

        assert history["write"]["errors"] == {}
        assert 0 < min(history["without_cpu_ms"])
        assert history["write"]["cpu_ms_per_request"]["relay"] > 0

    def test_changes_many_records_and_puts_them_back(self, findings):
        update, undo = findings["bulk"]["update"], findings["bulk"]["undo"]

        assert 0 < update["records"] <= CONTACTS
        assert undo["records"] == update["records"]
        assert update["reads"]["errors"] == undo["reads"]["errors"] == {}

    def test_watches_the_memory_of_the_service(self, findings):
        processes = findings["memory"]["processes"]

        assert set(processes) == {"customer-rpc-1", "customer-events-1"}
        assert all(each["most_mb"] > 10 for each in processes.values())
        assert findings["memory"]["load"]["errors"] == {}

    def test_judges_every_figure_that_is_to_be_reached(self, findings):
        assert len(findings["targets"]) >= 11
