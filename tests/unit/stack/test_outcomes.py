from stack.outcomes import Outcome, print_summary, summary_line


class TestSummaryLine:
    def test_counts_the_tests_of_all_steps(self):
        outcomes = [Outcome("lint", passed=4), Outcome("unit", passed=5, failed=1)]

        assert summary_line(outcomes) == "9 passed, 1 failed"

    def test_mentions_skipped_tests_only_if_there_are_any(self):
        assert (
            summary_line([Outcome("e2e", 1, 0, 2)]) == "1 passed, 0 failed, 2 skipped"
        )


class TestPrintSummary:
    def test_ends_with_the_line_that_others_read(self, capsys):
        print_summary([Outcome("unit", passed=2)], missing=["e2e"])

        lines = capsys.readouterr().out.splitlines()

        assert lines[-1] == "2 passed, 0 failed"
        assert "did not run: e2e" in lines
