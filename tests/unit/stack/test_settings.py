from stack.paths import StatePaths
from stack.settings import Settings


class TestSettings:
    def test_are_the_same_when_read_again(self, tmp_path):
        paths = StatePaths(tmp_path)
        settings = Settings(8_100, {"mongodb": 25_000}, {"sales-rpc": 3})

        settings.save(paths)

        assert settings == Settings.load(paths)

    def test_have_defaults_before_the_first_run(self, tmp_path):
        assert Settings() == Settings.load(StatePaths(tmp_path))


class TestChoosePorts:
    def test_gives_no_two_names_the_same(self):
        settings = Settings()

        settings.choose_ports(["a", "b", "c"])

        assert len(set(settings.ports.values())) == 3

    def test_leaves_those_in_use_alone_and_forgets_the_rest(self):
        settings = Settings(ports={"a": 1, "gone": 2})

        settings.choose_ports(["a", "b"], in_use=["a"])

        assert {"a", "b"} == set(settings.ports)
        assert settings.ports["a"] == 1
