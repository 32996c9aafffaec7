"""What descriptions are written in, as HTML: a little of CommonMark.

Headings, paragraphs, lists, tables, fenced code, code and links; everything else
is shown as it stands, and nothing of a text is markup by itself.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final, LiteralString

from markupsafe import Markup, escape

__all__ = ["prose"]

_CODE: Final = re.compile(r"`([^`]+)`")
_LINK: Final = re.compile(r"\[([^\]]+)\]\((/[^)\s]*|#[^)\s]*)\)")
_FENCE: Final = "```"
_HEADING: Final = re.compile(r"#{2,4} (.*)")
_BULLET: Final = re.compile(r"- (.*)")
_NUMBER: Final = re.compile(r"\d+\. (.*)")
_RULE: Final = re.compile(r"\|[-|: ]+\|")


def prose(text: str) -> Markup:
    """A description as HTML."""
    return Markup("\n").join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Markup]:
    parts = "\n".join(lines).split(_FENCE)
    for number, part in enumerate(parts):
        if number % 2:
            _, _, code = part.partition("\n")
            yield Markup('<pre tabindex="0"><code>{}</code></pre>').format(code)
        else:
            yield from _plain(part.splitlines())


def _plain(lines: list[str]) -> Iterator[Markup]:
    for kind, found in groupby(lines, _kind_of):
        if kind is not None:
            yield kind(list(found))


def _kind_of(line: str) -> Callable[[list[str]], Markup] | None:
    if not line.strip():
        return None
    if line.startswith("|"):
        return _table
    for pattern, kind in _KINDS:
        if pattern.match(line):
            return kind
    return _paragraph


def _headings(lines: list[str]) -> Markup:
    return _each("<h2>{}</h2>", (line.lstrip("# ") for line in lines))


def _bullets(lines: list[str]) -> Markup:
    return Markup("<ul>{}</ul>").format(_items(_BULLET, lines))


def _numbers(lines: list[str]) -> Markup:
    first = lines[0].partition(".")[0]
    return Markup('<ol start="{}">{}</ol>').format(first, _items(_NUMBER, lines))


def _items(pattern: re.Pattern[str], lines: list[str]) -> Markup:
    return _each("<li>{}</li>", (pattern.sub(r"\1", line) for line in lines))


def _table(lines: list[str]) -> Markup:
    head, *body = (
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in lines
        if not _RULE.fullmatch(line)
    )
    rows = (Markup("<tr>{}</tr>").format(_each("<td>{}</td>", each)) for each in body)
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(
        _each("<th>{}</th>", head), Markup("").join(rows)
    )


def _each(form: LiteralString, texts: Iterable[str]) -> Markup:
    return Markup("").join(Markup(form).format(_spans(each)) for each in texts)  # noqa: S704


def _paragraph(lines: list[str]) -> Markup:
    return Markup("<p>{}</p>").format(_spans(" ".join(map(str.strip, lines))))


_KINDS: Final = ((_HEADING, _headings), (_BULLET, _bullets), (_NUMBER, _numbers))


def _spans(text: str) -> Markup:
    parts = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else _linked(part)
        for number, part in enumerate(parts)
    )


def _linked(text: str) -> Markup:
    """Text in which links to places of our own lead there."""
    # Escaping leaves brackets and parentheses as they are.
    return Markup(_LINK.sub(r'<a href="\2">\1</a>', str(escape(text))))  # noqa: S704
