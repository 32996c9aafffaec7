import os

import pytest

from stack.control import Supervisor, socket_path
from stack.errors import StackError
from stack.paths import StatePaths


class TestSocketPath:
    def test_is_in_the_state_directory(self, tmp_path):
        paths = StatePaths(tmp_path)

        assert tmp_path / "supervisor.sock" == socket_path(paths)

    def test_is_short_enough_for_a_deep_directory(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", "/tmp")  # noqa: S108
        path = socket_path(StatePaths(tmp_path / ("deep" * 40)))
        mode = path.parent.stat().st_mode & 0o777
        path.parent.rmdir()

        assert len(os.fsencode(path)) <= 100
        assert mode == 0o700


class TestSupervisor:
    def test_says_how_to_start_a_stack_that_does_not_run(self, tmp_path):
        supervisor = Supervisor(StatePaths(tmp_path))

        assert not supervisor.is_running()
        with pytest.raises(StackError, match=r"./crm up"):
            supervisor.ask("status")
