from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def secret(status):
    """Reads a principal's own secret: ``secret("sales", "amqp_uri")``."""
    state = Path(status["mailbox"]).parent

    def read(principal, name):
        return (state / "secrets" / principal / name).read_text().strip()

    return read


@pytest.fixture(scope="session")
def root_uri(status, secret):
    """MongoDB, for somebody who may do everything there."""
    host = status["mongo_uri"].rpartition("@")[2]
    return f"mongodb://root:{secret('mongodb', 'root_password')}@{host}"
