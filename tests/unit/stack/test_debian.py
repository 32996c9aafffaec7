from stack.debian import planned_packages

SIMULATION = """\
Reading package lists...
Inst erlang-base (1:25.2.3 Debian:12/stable [amd64])
Inst rabbitmq-server (3.10.8 Debian:12/stable [all])
Conf erlang-base (1:25.2.3 Debian:12/stable [amd64])
"""


class TestPlannedPackages:
    def test_are_those_that_would_be_installed(self):
        assert ["erlang-base", "rabbitmq-server"] == planned_packages(SIMULATION)

    def test_are_none_when_all_are_there(self):
        assert [] == planned_packages("0 upgraded, 0 newly installed\n")
