"""A quick look at everything, on servers of the benchmark's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# About 40 s on an idle machine.
LONGEST_S = 300
EXPECTED = {
    *((op, path) for op in ("echo", "read") for path in ("flask", "stock", "ours")),
    *(("write", path) for path in ("flask", "stock", "ours", "outbox")),
}


@pytest.fixture(scope="module")
def ended():
    """The process, how it ended, and what it found."""
    command = [sys.executable, "-m", "stack.cli", "bench", "bus", "--json"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--seconds", "0.2", "--rounds", "1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=LONGEST_S)
        finally:
            process.terminate()
        assert process.returncode == 0, errors
        return process, output


@pytest.fixture(scope="module")
def findings(ended):
    _, output = ended
    return json.loads(output)


class TestBusBenchmark:
    def test_measures_every_path(self, findings):
        cells = findings["rpc"]["cells"]

        assert {(cell["operation"], cell["path"]) for cell in cells} == EXPECTED
        for cell in cells:
            assert cell["requests_per_s"] > 0
            assert 0 < cell["p50_ms"] <= cell["p99_ms"]
            assert cell["errors"] == {}

    def test_counts_what_a_call_costs_the_broker_and_the_database(self, findings):
        by_path = {
            cell["path"]: cell
            for cell in findings["rpc"]["cells"]
            if cell["operation"] == "write"
        }

        assert by_path["flask"]["messages_per_request"]["published"] < 0.5
        assert by_path["ours"]["messages_per_request"]["published"] == pytest.approx(
            2, abs=0.5
        )
        assert by_path["outbox"]["messages_per_request"]["published"] > 2.2
        for cell in by_path.values():
            assert cell["database_round_trips_per_request"] >= 1
            assert cell["cpu_ms_per_request"]["front"] > 0

    def test_measures_both_clients(self, findings):
        cells = findings["client"]["cells"]

        assert {cell["client"] for cell in cells} == {"pika", "py-amqp"}
        assert all(cell["requests_per_s"] > 0 for cell in cells)
        assert all(cell["errors"] == {} for cell in cells)

    def test_follows_events_to_their_effect(self, findings):
        events = findings["events"]

        assert 0 < events["lag_p50_ms"] <= events["lag_p99_ms"]
        assert events["drained_in_batches_per_s"] > 0
        assert events["drained_one_at_a_time_per_s"] > 0
        assert events["drained_one_write_at_a_time_per_s"] > 0
        assert events["relayed_per_s"] > 0
        assert events["idle_call_p99_ms"] > 0
        assert len(events["draining"]) == 2
        assert events["errors"] == {}
        assert events["dead_letters"] == {}

    def test_judges_every_figure_that_is_to_be_reached(self, findings):
        assert len(findings["targets"]) == 11
        for target in findings["targets"]:
            assert target["value"] > 0
            assert isinstance(target["is_reached"], bool)

    def test_leaves_nothing_behind(self, ended):
        process, _ = ended

        assert not (ROOT / ".stack" / f"bench-{process.pid}").exists()
