import socket

import pytest

from stack.cli import main


@pytest.fixture(autouse=True)
def _no_stack(tmp_path, monkeypatch):
    monkeypatch.setenv("RAPPORT_STATE_DIR", str(tmp_path))


class TestDlq:
    @pytest.mark.parametrize(
        "command",
        [
            ["replay"],
            ["discard"],
            ["discard", "--service", "sales"],
            ["replay", "e1", "--all"],
            ["discard", "e1", "--all"],
        ],
    )
    def test_wants_to_be_told_which(self, command, capsys):
        assert main(["dlq", *command]) == 1
        assert "Say " in capsys.readouterr().err

    @pytest.mark.parametrize(
        "command",
        [
            [],
            ["show"],
            ["list", "--limit", "0"],
            ["list", "--limit", "100001"],
            ["list", "--service", "bogus"],
        ],
    )
    def test_refuses_what_it_does_not_know(self, command):
        with pytest.raises(SystemExit) as stop:
            main(["dlq", *command])

        assert stop.value.code == 2

    @pytest.mark.parametrize(
        "command", [["dlq", "list"], ["dlq", "replay", "--all"], ["outbox"]]
    )
    def test_needs_a_stack(self, command, capsys):
        assert main(command) == 1
        assert "never started" in capsys.readouterr().err

    def test_says_when_the_broker_does_not_answer(self, tmp_path, capsys):
        secrets = tmp_path / "secrets" / "operator"
        secrets.mkdir(parents=True)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{closed.getsockname()[1]}"
            uri = f"pyamqp://operator:secret@{address}/rapport"
            (secrets / "amqp_uri").write_text(uri)

            assert main(["dlq", "list"]) == 1
        complaint = capsys.readouterr().err
        assert f"RabbitMQ at {address} does not answer" in complaint
        assert "secret" not in complaint
