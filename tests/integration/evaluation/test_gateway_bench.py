"""A quick look at the front door, on a stack of the benchmark's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Two minutes on a machine that others use as well.
LONGEST_S = 400
CONTACTS = 400
PATHS = {"flask", "stock", "uncached", "cached"}


@pytest.fixture(scope="module")
def ended():
    """The process, and what it found."""
    command = [sys.executable, "-m", "stack.cli", "bench", "gateway", "--json"]
    quick = ["--contacts", str(CONTACTS), "--seconds", "0.2", "--rounds", "1"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, *quick],
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


class TestGatewayBenchmark:
    def test_makes_as_many_contacts_as_wanted(self, findings):
        # Other organizations have a tenth of that.
        assert findings["data"]["counts"]["contacts"] == CONTACTS + CONTACTS // 10
        assert findings["data"]["records_s"] > 0

    def test_reads_one_contact_by_every_path(self, findings):
        cells = findings["get"]["cells"]

        assert {cell["path"] for cell in cells} == PATHS
        for cell in cells:
            assert cell["requests_per_s"] > 0
            assert cell["cpu_ms_per_request"]["front"] > 0
            assert cell["errors"] == {}

    def test_lists_by_two_filters(self, findings):
        lists = findings["lists"]

        assert len(lists["two_filters"]) == 8
        for each in lists["two_filters"]:
            assert 0 < each["p50_ms"] <= each["p95_ms"]
            assert each["errors"] == {}

    def test_tells_what_pages_and_rows_cost(self, findings):
        pages = {each["page"]: each for each in findings["lists"]["pages"]}

        assert len(pages) == 7
        assert all(each["errors"] == {} for each in pages.values())
        assert findings["lists"]["far_page"] > 1
        assert findings["lists"]["row_cpu_us"] > 0

    def test_tells_what_every_feature_takes(self, findings):
        steps = findings["overhead"]["steps"]

        assert steps["token, fresh"]["us"] > steps["token, remembered"]["us"]
        assert steps["the whole gateway"]["us"] > steps["bare Flask"]["us"]
        assert all(each["us"] > 0 for each in steps.values())
        assert all(each["errors"] == {} for each in findings["overhead"]["writes"])

    def test_opens_streams(self, findings):
        assert findings["streams"]["streams"] == 100
        assert findings["streams"]["missing"] == 0

    def test_judges_every_figure_that_is_to_be_reached(self, findings):
        assert len(findings["targets"]) == 10

    def test_leaves_nothing_behind(self, ended):
        process, _ = ended

        assert not (ROOT / ".stack" / f"bench-{process.pid}").exists()
