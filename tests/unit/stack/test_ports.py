import socket

import pytest

from stack.errors import StackError
from stack.ports import choose_port, holder_of, is_free


class TestChoosePort:
    def test_keeps_the_port_of_last_time(self):
        assert choose_port((), 25_000, is_free=lambda _port: True) == 25_000

    def test_takes_another_when_the_kept_one_is_in_use(self):
        port = choose_port((), 25_000, is_free=lambda port: port != 25_000)

        assert port != 25_000

    def test_takes_another_when_the_kept_one_was_given_away(self):
        assert choose_port({25_000}, 25_000, is_free=lambda _port: True) != 25_000

    def test_says_so_when_no_port_is_free(self):
        with pytest.raises(StackError, match="No loopback port"):
            choose_port((), is_free=lambda _port: False)


class TestListeningPort:
    def test_is_not_free_and_names_its_holder(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            assert not is_free(port)
            assert "pid" in (holder_of(port) or "pid")
