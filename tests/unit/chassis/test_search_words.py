import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInputError
from chassis.search_words import MAX_QUERY, match, read_terms, search_words

ADA = search_words(
    ("Ada", "Lovelace-Byron"), ("ada.king@engines.example",), ("+49 170 12 34-567",)
)


def score(text, words=ADA):
    found = match(read_terms(text), words)
    return found and found.score


class TestSearchWords:
    def test_are_single_words_and_pairs_of_a_name(self):
        assert search_words(("Ada", "Lovelace")) == [
            "nada",
            "nlovelace",
            "mada lovelace",
            "mlovelace ada",
        ]

    def test_are_an_address_its_domain_and_its_parts(self):
        assert search_words((), ("Ada.King@Engines.example",)) == [
            "eada.king@engines.example",
            "eengines.example",
            "eking",
        ]

    def test_are_a_number_with_and_without_its_countrys_code(self):
        numbers = ("+49 170 1234567", "030/12345", "+1 212 555", "00353 1 23")

        assert search_words((), (), numbers) == [
            "p491701234567",
            "p1701234567",
            "p3012345",
            "p1212555",
            "p212555",
            "p353123",
            "p123",
        ]

    def test_are_bounded(self):
        name = " ".join(f"word{number}" for number in range(500))
        addresses = [f"a.{number}@b.example" for number in range(500)]

        words = search_words((name, "x" * 10_000), addresses)

        assert len(words) == 100
        assert max(map(len, words)) <= 130

    @given(st.text(max_size=40))
    def test_find_whatever_has_anything_to_show(self, name):
        words = search_words((name,))
        try:
            terms = read_terms(name)
        except InvalidInputError:
            return

        assert match(terms, words) is not None or len(words) > 12

    @given(st.text(max_size=60))
    def test_can_be_stored_whatever_the_text(self, text):
        for word in search_words((text,), (text,), (text,)):
            assert "\0" not in word
            assert len(word) > 1


class TestReadTerms:
    @pytest.mark.parametrize(
        "text",
        ["", " ", "\u0301", "\u200f", "x" * (MAX_QUERY + 1), "a b c d e f g h i"],
    )
    def test_refuses_what_nothing_can_be_found_by(self, text):
        with pytest.raises(InvalidInputError) as caught:
            read_terms(text)

        assert (caught.value.code, caught.value.http_status) == ("invalid_query", 400)
        assert caught.value.extra["errors"][0]["field"] == "q"


class TestMatch:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("ADA lovelace byron", 45),
            ("lovelace-byron", 40),
            ("byron ada", 40),
            ("ada.king@engines.example", 30),
            ("engines.example", 30),
            ("@engines.example", 30),
            ("ada king", 30),
            ("love", 20),
            ("ada love", 20),
            ("ada.ki", 10),
            ("ada engines", 10),
            ("0170 1234", 10),
            ("+49 170", 10),
            ("ada 170123", 10),
            ("love joy", None),
            ("ve", None),
        ],
    )
    def test_takes_the_worst_of_the_words(self, text, expected):
        assert score(text) == expected

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("Ångström", "angstrom"),
            ("angstrom", "Ångström"),
            ("Straße", "STRASSE"),
            ("İpek", "ipek"),
            ("Łukasz", "łuk"),
            ("O\u2019Brien", "o'brien"),
            ("O'Brien", "obrien"),
            ("Nguyễn Thị", "nguyen thi"),
            ("\u202eאבג\u202c", "אב"),
            ("מֹשֶׁה", "משה"),
            ("مُحَمَّد", "محمد"),
            ("山田太郎", "山田"),
            ("\uff46\uff55\uff4c\uff4c", "full"),
            ("ﬁnch", "fin"),
            ("e\u0301toile", "étoile"),
            ("X", "x"),
            ("!!!", "!!!"),
            ("🎉", "🎉"),
            ("김철수", "김철"),
            ("नमस्ते", "नमस्ते"),
            ("3M", "3m"),
            ("٣٤", "٣٤"),
        ],
    )
    def test_knows_names_of_every_script(self, name, text):
        assert score(text, search_words((name,))) is not None

    def test_says_where_the_words_were_found(self):
        assert match(read_terms("lovelace king"), ADA).kinds == ("n", "e")
