import socket

import pytest

from stack.errors import StackError
from stack.paths import StatePaths
from stack.preflight import check_disk, check_gateway_port


class TestCheckDisk:
    def test_names_the_remedy_when_space_is_short(self, tmp_path):
        with pytest.raises(StackError, match=r"no disk space.*RAPPORT_STATE_DIR"):
            check_disk(StatePaths(tmp_path / "not" / "yet"), needed_bytes=1 << 62)

    def test_is_content_with_enough(self, tmp_path):
        check_disk(StatePaths(tmp_path), needed_bytes=1)


class TestCheckGatewayPort:
    def test_names_the_port_and_the_remedy(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            with pytest.raises(StackError, match=rf"Port {port} is taken.*--port"):
                check_gateway_port(port)
