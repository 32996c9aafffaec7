"""Words that records are found by, and words that people type to find them.

A record keeps ``search_words``: each begins with a letter that says what it is,
so that names are found before addresses, and a word is found by its beginning.

======  ==================================================================
``n``   a word of its name
``m``   two words of its name, in either order, with a space between
``e``   an address, a domain or a part of one
``p``   a telephone number's digits, with and without its country's code
======  ==================================================================

Words compare without regard to case, accents, invisible characters and
compatibility forms (NFKD, Unicode TR15), whatever their script.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chassis.dialing import digits, number_keys
from chassis.errors import bad_request
from chassis.folding import fold

__all__ = ["MAX_QUERY", "Match", "Term", "match", "read_terms", "search_words"]

MAX_QUERY: Final = 100
_MAX_TERMS: Final = 8
_MAX_NAME_WORDS: Final = 12
_MAX_PAIRED_WORDS: Final = 4
_MAX_WORD: Final = 64
_MAX_ENTRIES: Final = 100
_MIN_DIGITS: Final = 3
_WHOLE_NAME: Final = 45
_NAME_WORD: Final = 40
_WHOLE_OTHER: Final = 30
_NAME_BEGINNING: Final = 20
_OTHER_BEGINNING: Final = 10
# Nothing of these is seen or typed: accents, direction marks, joiners.
_UNSEEN: Final = frozenset({"Mn", "Me", "Cf", "Cc"})
_IN_WORDS: Final = frozenset("LNM")
_APOSTROPHES: Final = str.maketrans("", "", "'\u2019\u02bc`")
_NUMBER: Final = re.compile(r"[+\d][\d\s()./-]*")
_PARTS: Final = re.compile(r"[@._+-]+")


def _plain(text: str) -> str:
    """``text`` in the one form that words are compared in."""
    folded = fold(text)
    if folded.isascii() and folded.isprintable():
        return folded
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", folded)
        if character == " " or unicodedata.category(character) not in _UNSEEN
    )


def _words(text: str) -> list[str]:
    """The words of a name; a name without letters is one word."""
    plain = _plain(text)
    spaced = "".join(
        character if unicodedata.category(character)[0] in _IN_WORDS else " "
        for character in plain.translate(_APOSTROPHES)
    )
    words = spaced.split() or ["".join(plain.split())]
    return [word[:_MAX_WORD] for word in words if word]


def search_words(
    names: Iterable[str | None],
    addresses: Iterable[str | None] = (),
    numbers: Iterable[str | None] = (),
) -> list[str]:
    """What a record with these names is found by; at most a hundred words.

    Args:
        names: All parts of its name; empty ones are left out.
        addresses: E-mail addresses or domains.
        numbers: Telephone numbers.
    """
    words = list(dict.fromkeys(word for name in names if name for word in _words(name)))
    found = itertools.chain(
        _of_name(words[:_MAX_NAME_WORDS]),
        (word for each in addresses if each for word in _of_address(each, words)),
        (f"p{key}" for each in numbers if each for key in number_keys(each)),
    )
    return list(itertools.islice(dict.fromkeys(found), _MAX_ENTRIES))


def _of_name(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield f"n{word}"
    if len(words) <= _MAX_PAIRED_WORDS:
        pairs: Iterable[tuple[str, str]] = itertools.permutations(words, 2)
    else:
        # All pairs of a long name would be very many; neighbors are typed.
        neighbors = list(itertools.pairwise(words))
        pairs = [*neighbors, *((right, left) for left, right in neighbors)]
    for left, right in pairs:
        yield f"m{left} {right}"


def _of_address(address: str, names: Sequence[str]) -> Iterator[str]:
    plain = "".join(_plain(address).split())
    if not plain:
        return
    yield f"e{plain[:_MAX_WORD]}"
    local, _, domain = plain.rpartition("@")
    if local and domain:
        yield f"e{domain[:_MAX_WORD]}"
        for part in _PARTS.split(local)[1:]:
            # What is found as a name need not be found again.
            if part and part not in names:
                yield f"e{part[:_MAX_WORD]}"


@dataclass(frozen=True)
class Term:
    """One word that was typed, and what it may be.

    Attributes:
        names: What it is as part of a name; all of these have to be there.
        address: What it is as part of an address.
        digits: What it is as part of a telephone number, or empty.
    """

    names: tuple[str, ...]
    address: str
    digits: str

    @property
    def beginnings(self) -> list[list[str]]:
        """What search words begin with that it finds; any of the lists will do."""
        choices = [[f"n{word}" for word in self.names]] if self.names else []
        if self.address:
            choices.append([f"e{self.address}"])
        if self.digits:
            choices.append([f"p{self.digits}"])
        return choices


def read_terms(text: str) -> tuple[Term, ...]:
    """What was typed, word by word; all of them have to be found.

    Raises:
        InvalidInputError: 400 ``invalid_query``: not 1 to 100 characters,
            nothing to search for, or more than eight words.
    """
    if not 1 <= len(text) <= MAX_QUERY:
        raise _refused(f"1 to {MAX_QUERY} characters.")
    is_number = _NUMBER.fullmatch(text.strip()) and len(digits(text)) >= _MIN_DIGITS
    parts = [text] if is_number else text.split()
    terms = tuple(term for part in parts if (term := _term(part)).beginnings)
    if not terms:
        raise _refused("There is nothing to search for in it.")
    if len(terms) > _MAX_TERMS:
        raise _refused(f"At most {_MAX_TERMS} words.")
    return terms


def _refused(message: str) -> Exception:
    error = {"field": "q", "code": "invalid_query", "message": message}
    return bad_request("invalid_query", message, [error])  # type: ignore[list-item]


def _term(text: str) -> Term:
    plain = "".join(_plain(text).split())
    dialed = digits(text) if _NUMBER.fullmatch(text.strip()) else ""
    return Term(
        names=tuple(_words(text)),
        address=plain.lstrip("@")[:_MAX_WORD],
        digits=dialed if len(dialed) >= _MIN_DIGITS else "",
    )


@dataclass(frozen=True)
class Match:
    """How well a record fits what was typed.

    Attributes:
        score: 45 where the whole name was typed, 40 where words of it were,
            30 for whole addresses and numbers, 20 for beginnings of names, 10
            for beginnings of addresses and numbers; the worst word counts.
        kinds: Where words were found: ``n``, ``e``, ``p``.
    """

    score: int
    kinds: tuple[str, ...]


def match(terms: Sequence[Term], words: Sequence[str]) -> Match | None:
    """How a record with these search words fits; None if it does not."""
    kept = frozenset(words)
    found = [_best(term, kept) for term in terms]
    if not all(found):
        return None
    scores, kinds = zip(*found, strict=True)
    score = min(scores)
    typed = {word for term in terms for word in term.names}
    if score == _NAME_WORD and typed == {word[1:] for word in kept if word[0] == "n"}:
        score = _WHOLE_NAME
    return Match(score, tuple(kind for kind in "nep" if kind in kinds))


def _best(term: Term, words: frozenset[str]) -> tuple[int, str] | None:
    found = []
    for beginnings in term.beginnings:
        kind = beginnings[0][0]
        is_name = kind == "n"
        if words.issuperset(beginnings):
            found.append((_NAME_WORD if is_name else _WHOLE_OTHER, kind))
        elif all(any(word.startswith(each) for word in words) for each in beginnings):
            found.append((_NAME_BEGINNING if is_name else _OTHER_BEGINNING, kind))
    return max(found, default=None)
