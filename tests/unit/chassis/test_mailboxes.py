import pytest

from chassis.mailboxes import address_key


class TestAddressKey:
    @pytest.mark.parametrize(
        "spelling",
        [
            "ada@bücher.example",
            " Ada@BÜCHER.example",
            "ada@xn--bcher-kva.example",
            "ADA@XN--BCHER-KVA.EXAMPLE",
            "ada@bu\u0308cher.example",
            "ada@bücher。example",
        ],
    )
    def test_is_the_same_for_all_spellings(self, spelling):
        assert address_key(spelling) == "ada@bücher.example"

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("a@straße.example", "a@strasse.example"),
            ("a@b.co", "b@b.co"),
            ("a.a@b.co", "aa@b.co"),
        ],
    )
    def test_tells_addresses_apart(self, one, other):
        assert address_key(one) != address_key(other)

    @pytest.mark.parametrize("text", ["ada@xn--", "ada@xn--\u00fc", "xn--a@b", "@", ""])
    def test_leaves_what_is_no_address(self, text):
        assert address_key(text) == text
