import pytest


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """Redis may take its time: what is tried here is not when it is given up."""
    for module in ("last_good", "limits", "tickets"):
        monkeypatch.setattr(f"gateway_flask.{module}._TIMEOUT_S", 10)
