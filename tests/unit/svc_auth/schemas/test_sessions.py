import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from chassis.schemas import Email
from svc_auth.schemas.sessions import LoginInput

LABELS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
ADDRESSES = st.builds("{}@{}.example".format, LABELS, LABELS)


def loaded(email):
    return LoginInput().load({"email": email, "password": "x"})["email"]


class TestLoginInput:
    @pytest.mark.parametrize("email", ["nobody", "a@b", " ", "a@-.example", "x" * 254])
    def test_leaves_alone_what_is_no_address(self, email):
        assert loaded(email) == email

    def test_takes_none_that_are_too_long(self):
        with pytest.raises(ValidationError):
            loaded("x" * 255)

    @given(ADDRESSES)
    def test_has_an_address_as_it_was_registered(self, email):
        try:
            registered = Email().deserialize(email)
        except ValidationError:
            return

        assert loaded(email) == registered
        assert loaded(registered).casefold() == registered.casefold()
