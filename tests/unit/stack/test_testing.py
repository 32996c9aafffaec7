from stack.testing import parse_report

REPORT = """\
<testsuites><testsuite errors="1" failures="2" skipped="3" tests="10" /></testsuites>
"""


class TestParseReport:
    def test_counts_what_pytest_reports(self, tmp_path):
        report = tmp_path / "unit.xml"
        report.write_text(REPORT)

        outcome = parse_report("unit", report, code=1)

        assert (4, 3, 3) == (outcome.passed, outcome.failed, outcome.skipped)

    def test_fails_a_step_that_ran_no_test(self, tmp_path):
        outcome = parse_report("unit", tmp_path / "none.xml", code=5)

        assert outcome.failed == 1
        assert outcome.note == "ran no test"

    def test_fails_a_step_whose_tests_were_all_skipped(self, tmp_path):
        report = tmp_path / "unit.xml"
        report.write_text('<testsuite errors="0" failures="0" skipped="2" tests="2" />')

        assert parse_report("unit", report, code=0).failed == 1

    def test_fails_a_step_that_pytest_could_not_finish(self, tmp_path):
        report = tmp_path / "unit.xml"
        report.write_text('<testsuite errors="0" failures="0" skipped="0" tests="2" />')

        outcome = parse_report("unit", report, code=3)

        assert outcome.failed == 1
        assert outcome.note == "pytest ended with 3"
