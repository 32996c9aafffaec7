import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.fields import Field, search_keys
from chassis.folding import fold, grams

FIELDS = {
    "name": Field("text"),
    "title": Field("text"),
    "email": Field("email", "email_keys", is_list=True),
    "code": Field(),
}


class TestFold:
    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("José  ÁLVAREZ", "jose alvarez"),
            ("Jose\u0301", "jose"),
            ("Straße", "strasse"),
            ("\ufb01ne", "fine"),
            ("İ", "i"),
            ("한국", "한국"),
            ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
            (" \t\n", ""),
        ],
    )
    def test_takes_away_what_spellings_differ_in(self, text, folded):
        assert fold(text) == folded

    @given(st.text(max_size=50))
    def test_changes_nothing_the_second_time(self, text):
        assert fold(fold(text)) == fold(text)


class TestGrams:
    def test_are_of_three_characters(self):
        assert grams("abcd") == {"abc", "bcd"}
        assert grams("ab") == set()


class TestSearchKeys:
    def test_hold_texts_folded_and_in_pieces(self):
        keys = search_keys(FIELDS, {"name": "Ab Cd", "email_keys": ["x@y", "zz"]})

        assert keys["folded"] == {"name": "ab cd", "title": ""}
        assert keys["grams"] == ["email:x@y", "name: cd", "name:ab ", "name:b c"]

    def test_are_empty_where_there_is_no_text(self):
        assert search_keys(FIELDS, {"email_keys": []})["grams"] == []

    def test_are_left_out_of_a_list_without_text(self):
        assert search_keys({"code": Field()}, {"code": "abc"}) == {}

    @given(st.text(max_size=300))
    def test_are_bounded(self, text):
        keys = search_keys({"name": Field("text")}, {"name": text})

        assert len(keys["folded"]["name"]) <= 200
        assert len(keys["grams"]) <= 198
