import pytest

from chassis.errors import InvalidInputError
from chassis.schemas import load
from svc_customer.schemas.contacts import CreateContactInput, UpdateContactInput


class TestCreateContactInput:
    @pytest.mark.parametrize(
        "payload",
        [
            {"first_name": "only"},
            {"last_name": "a", "email": "a@b.co", "emails": []},
            {
                "emails": [
                    {"address": "a@b.co", "is_primary": True},
                    {"address": "c@d.co", "is_primary": True},
                ]
            },
            {"emails": [{"address": "a@b.co"}, {"address": "A@b.co"}]},
            {
                "emails": [
                    {"address": "a@b\u00fccher.example"},
                    {"address": "A@xn--bcher-kva.example"},
                ]
            },
            {"last_name": "a", "version": 3},
            {"last_name": "a", "external_ids": {"$x": "1"}},
        ],
    )
    def test_refuses(self, payload):
        with pytest.raises(InvalidInputError):
            load(CreateContactInput(), payload)


class TestUpdateContactInput:
    def test_empties_a_list_by_null(self):
        data = load(UpdateContactInput(), {"emails": None, "tags": None})

        assert data == {"emails": (), "tags": ()}
