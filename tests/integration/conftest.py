from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def secret(status):
    """Reads a principal's own secret: ``secret("sales", "amqp_uri")``."""
    state = Path(status["mailbox"]).parent

    def read(principal, name):
        return (state / "secrets" / principal / name).read_text().strip()

    return read
