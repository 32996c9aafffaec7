from stack.bootstrap import environment_key


class TestEnvironmentKey:
    def test_changes_with_the_lock_file(self, tmp_path):
        (tmp_path / "setup.cfg").write_text("")
        (tmp_path / "requirements.lock").write_text("a==1")
        before = environment_key(tmp_path)

        (tmp_path / "requirements.lock").write_text("a==2")

        assert before != environment_key(tmp_path)
