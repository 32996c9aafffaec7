import os
import subprocess
import sys

from stack.orphans import MARK, Identity, find_orphans, identify, stop_processes


class TestStopProcesses:
    def test_takes_no_other_process_with_the_same_id_for_ours(self):
        recorded = Identity(os.getpid(), "another time")

        assert stop_processes([recorded]) == 0


class TestFindOrphans:
    def test_finds_and_stops_a_process_by_its_mark(self, tmp_path):
        with subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            env={MARK: str(tmp_path)},
        ) as process:
            found = find_orphans(str(tmp_path))
            stopped = stop_processes(found, grace_s=5)

        assert [process.pid] == [identity.pid for identity in found]
        assert stopped == 1


class TestIdentify:
    def test_is_the_same_for_the_same_process(self):
        assert identify(os.getpid()) == identify(os.getpid())

    def test_is_nobody_for_a_process_that_ended(self):
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            process.wait()

        assert identify(process.pid) is None
