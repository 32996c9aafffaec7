from stack.paths import StatePaths
from stack.status import collect_status, memory_bytes, print_status


class TestCollectStatus:
    def test_has_the_promised_shape_even_when_nothing_runs(self, tmp_path):
        status = collect_status(StatePaths(tmp_path))

        assert {
            "processes",
            "gateway",
            "demo",
            "amqp_uri",
            "mongo_uri",
            "redis_url",
            "smtp",
            "mailbox",
        } == set(status)
        assert {"email", "password", "org_id"} == set(status["demo"])
        assert {"name", "role", "pid", "port", "state", "restarts"} == set(
            status["processes"][0]
        )

    def test_names_every_process_of_every_service(self, tmp_path):
        names = {
            process["name"]
            for process in collect_status(StatePaths(tmp_path))["processes"]
        }

        assert {"gateway", "rabbitmq", "sales-rpc-1", "notify-events-1"} <= names


class TestPrintStatus:
    def test_shows_a_table_to_a_person(self, tmp_path, capsys):
        print_status(collect_status(StatePaths(tmp_path)), as_json=False)

        assert "sales-rpc-1" in capsys.readouterr().out


class TestMemoryBytes:
    def test_skips_processes_that_do_not_run(self):
        assert memory_bytes([None]) == {}
