from datetime import UTC, datetime, timedelta

from svc_auth.domain.sessions import ACCESS_TOKEN_LIFE
from svc_auth.domain.signing_keys import SigningKey, current_key, keys_in_use

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def key(name, signs_in_s, retired_at=None):
    return SigningKey(
        id=name,
        key_id=name,
        public={},
        private=None,
        signs_from=NOW + timedelta(seconds=signs_in_s),
        created_at=NOW,
        updated_at=NOW,
        retired_at=retired_at,
    )


def names(keys):
    return [each.key_id for each in keys]


class TestCurrentKey:
    def test_is_the_latest_that_signs_already(self):
        keys = [key("a", -100), key("b", -10), key("c", 10)]

        assert current_key(keys, NOW).key_id == "b"
        assert current_key(keys, NOW + timedelta(seconds=10)).key_id == "c"

    def test_is_none_that_was_retired(self):
        keys = [key("a", -100), key("b", -10, retired_at=NOW)]

        assert current_key(keys, NOW).key_id == "a"
        assert current_key(keys[1:], NOW) is None


class TestKeysInUse:
    def test_begin_before_they_sign(self):
        assert names(keys_in_use([key("a", -100), key("b", 10)], NOW)) == ["a", "b"]

    def test_stay_until_their_last_tokens_have_expired(self):
        keys = [key("a", -5_000), key("b", 0)]
        last_token_expires = NOW + ACCESS_TOKEN_LIFE

        assert names(keys_in_use(keys, last_token_expires)) == ["a", "b"]
        assert names(keys_in_use(keys, NOW + timedelta(hours=1))) == ["b"]

    def test_are_none_that_were_retired(self):
        keys = [key("a", -100), key("b", -10, retired_at=NOW)]

        assert names(keys_in_use(keys, NOW)) == ["a"]

    def test_are_none_before_the_first_rotation(self):
        assert keys_in_use([], NOW) == []

    def test_return_when_their_successor_is_retired(self):
        keys = [key("a", -5_000), key("b", -4_000, retired_at=NOW)]

        assert names(keys_in_use(keys, NOW)) == ["a"]
