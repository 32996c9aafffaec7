import pytest

from chassis.config import MissingSettingError, number, secret_file, setting


@pytest.fixture(autouse=True)
def secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("RAPPORT_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("SOME_SETTING", raising=False)
    return tmp_path


class TestSetting:
    def test_is_looked_up_in_the_environment_first(self, secrets, monkeypatch):
        (secrets / "some_setting").write_text("file")
        monkeypatch.setenv("SOME_SETTING", "environment")

        assert setting("SOME_SETTING", "default") == "environment"

    def test_is_looked_up_among_the_secrets_then(self, secrets):
        (secrets / "some_setting").write_text("file\n")

        assert setting("SOME_SETTING", "default") == "file"

    def test_has_a_default_at_last(self):
        assert setting("SOME_SETTING", "default") == "default"

    def test_is_missed_by_name(self):
        with pytest.raises(MissingSettingError, match="SOME_SETTING"):
            setting("SOME_SETTING")


class TestNumber:
    def test_is_refused_when_it_is_none(self, monkeypatch):
        monkeypatch.setenv("SOME_SETTING", "many")

        with pytest.raises(MissingSettingError, match="whole number"):
            number("SOME_SETTING", 3)


class TestSecretFile:
    def test_has_to_be_there(self, secrets):
        with pytest.raises(MissingSettingError, match="no file"):
            secret_file("SOME_SETTING", "key.pem")
        (secrets / "key.pem").touch()

        assert secret_file("SOME_SETTING", "key.pem") == secrets / "key.pem"
