import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc_auth.clients.oauth import basic_credentials


def header(text):
    return f"Basic {base64.b64encode(text.encode()).decode()}"


class TestBasicCredentials:
    def test_are_name_and_password(self):
        assert basic_credentials(header("app:s%3Acret")) == ("app", "s:cret")

    @pytest.mark.parametrize(
        "authorization",
        ["", "Basic", "Basic \u00e9", "Basic \u00a0", "Basic !", "Bearer YTpi"],
    )
    def test_are_none_where_none_can_be_read(self, authorization):
        assert basic_credentials(authorization) is None

    @given(st.text(st.characters(max_codepoint=255)))
    def test_are_none_whatever_stands_there_instead(self, text):
        found = basic_credentials(f"Basic {text}")

        assert found is None or len(found) == 2
