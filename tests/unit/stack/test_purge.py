from stack.lifecycle import purge
from stack.paths import StatePaths


class TestPurge:
    def test_forgets_what_it_knew_of_the_logs_that_are_gone(self, tmp_path):
        paths = StatePaths(tmp_path / "state")
        paths.secrets.mkdir(parents=True)
        (paths.root / "audit.json").write_text("{}")

        purge(paths)

        assert not paths.root.exists()

    def test_leaves_what_no_stack_has_made(self, tmp_path):
        (tmp_path / "letters.txt").write_text("dear Ada")

        purge(StatePaths(tmp_path))

        assert (tmp_path / "letters.txt").exists()
