import json

import pytest

from chassis.config import MissingSettingError
from gateway_flask.settings import Settings


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("RAPPORT_SECRETS_DIR", str(tmp_path))
    (tmp_path / "amqp_uri").write_text("pyamqp://gateway:x@127.0.0.1:1/rapport\n")
    (tmp_path / "redis_state_url").write_text("redis://:x@127.0.0.1:1/0\n")
    (tmp_path / "redis_cache_url").write_text("redis://:x@127.0.0.1:1/1\n")
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": []}))
    return tmp_path


class TestSettings:
    @pytest.mark.usefixtures("secrets")
    def test_come_from_the_secrets_directory(self):
        settings = Settings.load()

        assert settings.amqp_uri == "pyamqp://gateway:x@127.0.0.1:1/rapport"
        assert settings.cors_origins == frozenset()
        assert settings.metrics_allow == {"127.0.0.1"}

    @pytest.mark.usefixtures("secrets")
    def test_and_from_the_environment(self, monkeypatch):
        monkeypatch.setenv("TRUSTED_PROXIES", "2")
        monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example")

        settings = Settings.load()

        assert settings.trusted_proxies == 2
        assert settings.cors_origins == {"https://a.example", "https://b.example"}

    def test_a_missing_one_is_named(self, secrets):
        (secrets / "redis_state_url").unlink()

        with pytest.raises(MissingSettingError, match="REDIS_STATE_URL"):
            Settings.load()
