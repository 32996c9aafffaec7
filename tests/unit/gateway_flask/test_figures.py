import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from gateway_flask.figures import add_up, read_files

LIVE = 7


def count(directory, pid, value):
    """What a worker leaves that has counted this."""
    for kind, name, labels in (
        ("counter", "refused", {"code": "late"}),
        ("histogram", "took", {"le": "0.5"}),
    ):
        key = mmap_key(name, f"{name}_total", list(labels), labels.values(), "Help")
        figures = MmapedDict(str(directory / f"{kind}_{pid}.db"))
        figures.write_value(key, value, 0)
        figures.close()


def shown(directory):
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))
    return sorted(generate_latest(registry).splitlines())


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for pid in (1, 2, LIVE):
        count(tmp_path, pid, pid)
    return tmp_path


def files(directory):
    return sorted(path.name for path in directory.glob("*.db"))


class TestAddUp:
    def test_leaves_a_file_of_each_kind_that_says_the_same(self, directory):
        before = shown(directory)
        add_up(directory, {LIVE})

        assert shown(directory) == before
        assert b'refused_total{code="late"} 10.0' in before
        assert files(directory) == [
            f"{kind}_{who}.db"
            for kind in ("counter", "histogram")
            for who in (LIVE, "gone")
        ]

    def test_adds_those_that_end_later(self, directory):
        add_up(directory, {LIVE})
        count(directory, 8, 5)
        before = shown(directory)
        add_up(directory, set())

        assert shown(directory) == before
        assert files(directory) == ["counter_gone.db", "histogram_gone.db"]

    def test_leaves_out_what_was_begun_and_no_more(self, directory):
        (directory / "counter_9.db").touch()
        add_up(directory, {LIVE})

        assert len(files(directory)) == 4
        assert shown(directory)


class TestReadFiles:
    def test_keeps_others_from_adding_meanwhile(self, directory):
        def read():
            add_up(directory, {LIVE})
            return files(directory)

        assert len(read_files(read)) == 6
        assert len(read()) == 4

    def test_reads_a_file_that_has_just_been_begun(self, directory):
        attempts = []

        def read():
            attempts.append("once more")
            if len(attempts) > 1:
                count(directory, 9, 1)
            return shown(directory)

        (directory / "counter_9.db").touch()

        assert b'refused_total{code="late"} 11.0' in read_files(read)
        assert len(attempts) == 2

    def test_needs_no_files(self, monkeypatch):
        monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

        assert read_files(lambda: "nothing") == "nothing"
