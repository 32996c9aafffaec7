import base64
import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from chassis.vault import Vault

KEY = AESGCM(secrets.token_bytes(32))
VAULT = Vault(None, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
VALUES = st.dictionaries(st.text(), st.none() | st.booleans() | st.text())


class TestSealing:
    @given(VALUES, st.text())
    def test_gives_the_value_back_with_the_same_key_and_label(self, value, label):
        sealed = VAULT.encrypt(KEY, value, label)

        assert VAULT.decrypt(KEY, sealed, label) == value

    @given(VALUES, st.text(), st.data())
    def test_notices_every_changed_byte(self, value, label, data):
        sealed = bytearray(VAULT.encrypt(KEY, value, label))
        place = data.draw(st.integers(0, len(sealed) - 1))
        sealed[place] ^= data.draw(st.integers(1, 255))

        with pytest.raises(ValueError, match="cannot be decrypted"):
            VAULT.decrypt(KEY, bytes(sealed), label)

    @given(VALUES, st.text(), st.text(min_size=1))
    def test_ties_the_value_to_its_place(self, value, label, more):
        sealed = VAULT.encrypt(KEY, value, label)

        with pytest.raises(ValueError, match="cannot be decrypted"):
            VAULT.decrypt(KEY, sealed, label + more)

    def test_is_for_one_key(self):
        sealed = VAULT.encrypt(KEY, {}, "event")

        with pytest.raises(ValueError, match="cannot be decrypted"):
            VAULT.decrypt(AESGCM(secrets.token_bytes(32)), sealed, "event")

    def test_never_looks_the_same_twice(self):
        assert VAULT.encrypt(KEY, {}, "event") != VAULT.encrypt(KEY, {}, "event")
