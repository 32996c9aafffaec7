import pytest

from chassis.errors import (
    ConflictError,
    RemoteError,
    WireError,
    bad_request,
    from_wire,
    invalid_input,
)


class TestWireError:
    def test_says_its_code_and_words(self):
        assert str(ConflictError("email_taken", "Taken.")) == "email_taken: Taken."

    @pytest.mark.parametrize("details", ["", "[]", "{", "null"])
    def test_has_no_details_where_they_are_no_object(self, details):
        assert WireError("code", "", details).extra == {}


class TestInvalidInput:
    def test_is_422_and_names_the_fields(self):
        error = invalid_input([{"field": "a.0", "code": "invalid"}])

        assert error.http_status == 422
        assert error.extra["errors"] == [{"field": "a.0", "code": "invalid"}]

    def test_is_400_where_the_request_cannot_be_read(self):
        assert bad_request("malformed_json", "No JSON.").http_status == 400


class TestFromWire:
    @pytest.mark.parametrize(
        "error",
        [
            {"exc_type": "KeyError", "exc_args": ["x"], "value": "x"},
            {"exc_type": "ConflictError", "exc_args": [], "value": ""},
            {},
        ],
    )
    def test_calls_everything_else_our_bug(self, error):
        assert isinstance(from_wire(error), RemoteError)
