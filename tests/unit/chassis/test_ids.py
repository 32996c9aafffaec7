import uuid

import pytest

from chassis.ids import derive_id, is_id, is_keyed, keyed_operation_id, new_id


class TestNewId:
    def test_is_a_version_7_uuid_in_lower_case(self):
        made = uuid.UUID(new_id())

        assert (7, uuid.RFC_4122) == (made.version, made.variant)
        assert is_id(new_id())

    def test_sorts_by_time(self):
        earlier, later = new_id()[:13], new_id()[:13]

        assert earlier <= later


class TestDeriveId:
    def test_is_the_same_each_time(self):
        parent = new_id()

        assert derive_id(parent, "contact") == derive_id(parent, "contact")

    def test_differs_by_role_and_keeps_the_time(self):
        parent = new_id()
        account, contact = derive_id(parent, "account"), derive_id(parent, "contact")

        assert account != contact
        assert parent[:13] == account[:13]
        assert uuid.UUID(account).version == 7


class TestKeyedOperationId:
    def test_tells_a_keyed_operation_from_a_fresh_one(self):
        assert is_keyed(keyed_operation_id("org", "person", "key"))
        assert not is_keyed(new_id())

    def test_belongs_to_one_principal_of_one_organization(self):
        made = {
            keyed_operation_id(*scope)
            for scope in [
                ("a", "b", "c"),
                ("a", "b", "d"),
                ("a", "x", "c"),
                ("x", "b", "c"),
            ]
        }

        assert len(made) == 4


class TestIsId:
    @pytest.mark.parametrize(
        "text", ["", "x", 1, None, new_id().upper(), f"{new_id()}\n"]
    )
    def test_refuses_every_other_spelling(self, text):
        assert not is_id(text)
