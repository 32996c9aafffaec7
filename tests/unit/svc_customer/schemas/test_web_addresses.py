import pytest
from marshmallow import ValidationError

from svc_customer.schemas.web_addresses import Website, is_web_address


class TestWebsite:
    @pytest.mark.parametrize(
        "written",
        [
            "https://a.example",
            "HTTP://A.example:8080/about?x=1#us",
            "www.a.example/about",
            "a.example:8080",
            "münchen.example",
            "https://[2001:db8::1]/",
        ],
    )
    def test_is_taken_as_it_is_written(self, written):
        assert Website().deserialize(f" {written} ") == written

    @pytest.mark.parametrize(
        "written",
        [
            "javascript:alert(1)",
            "javascript://a.example/%0aalert(1)",
            "data:text/html,<script>",
            "mailto:ada@a.example",
            "ftp://a.example",
            "https://",
            "https://a.example/a b",
            "https://a.example:http/",
            "https://[::1",
            "/about",
        ],
    )
    def test_leads_nowhere_else(self, written):
        with pytest.raises(ValidationError):
            Website().deserialize(written)


class TestIsWebAddress:
    def test_wants_a_scheme(self):
        assert not is_web_address("a.example")
