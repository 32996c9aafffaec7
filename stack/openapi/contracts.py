"""What a docstring promises: the schemas it names and the codes it raises.

In Google style. Behind an argument's name under "Args" stands its schema: "payload:
A ``CreateContactInput``.", "query: Parameters of the list grammar", "headers: A
``StreamHeaders``."; under "Returns" a view or media types: "A ``ContactView``.";
under "Raises" the codes: "ConflictError: ``duplicate_value``: an id is taken."
"""

import inspect
import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Contract", "contract_of"]

_SECTION: Final = re.compile(
    r"^(Args|Returns|Raises|Emits|Yields|Attributes):$", re.MULTILINE
)
_ARGUMENT: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_SCHEMA: Final = re.compile(r"``([A-Z]\w+(?:Input|Query|Headers|View))``")
_ROW: Final = re.compile(r"``\{\"data\": \[(\w+View)\], \"page\": \{…\}\}``")
_MEDIA_TYPE: Final = re.compile(r"``([a-z]+/[a-z.+-]+)``")
_STATUS: Final = re.compile(r"\b([1-5]\d\d)\b")
_CODE: Final = re.compile(r"``([a-z]+(?:_[a-z0-9]+)*)``")
_REFERENCE: Final = re.compile(r"(?:; )?[Ss]ee ``[\w.]+``\.?")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A docstring, taken apart.

    Attributes:
        summary: Its first line.
        description: The paragraphs behind that.
        takes: The schema of each argument that has one.
        is_list: Whether it takes the list grammar.
        returns: The view it returns.
        attributes: What it says of each attribute.
        row: The view of which it returns a page.
        has_tag: Whether it says that there is an ``ETag``.
        media_types: What it returns, if it is no JSON.
        statuses: Answers besides the usual one that its ``Returns`` names.
        codes: The error codes it names.
    """

    summary: str
    description: str = ""
    takes: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    is_list: bool = False
    returns: str | None = None
    row: str | None = None
    has_tag: bool = False
    media_types: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    codes: frozenset[str] = frozenset()


def contract_of(source: object) -> Contract:
    """The contract that the docstring of a function, class or module writes down."""
    head, sections = _sections(inspect.getdoc(source) or "")
    summary, _, description = head.partition("\n\n")
    arguments = dict(_ARGUMENT.findall(sections.get("Args", "")))
    returns = sections.get("Returns", "")
    row = _ROW.search(returns)
    view = _SCHEMA.search(returns)
    return Contract(
        summary=_plain(_REFERENCE.sub(".", summary)).removeprefix("."),
        description=_plain(description),
        takes={
            name: found[1]
            for name, text in arguments.items()
            if (found := _SCHEMA.search(text))
        },
        attributes={
            name: _plain(text)
            for name, text in _ARGUMENT.findall(sections.get("Attributes", ""))
        },
        is_list="list grammar" in arguments.get("query", ""),
        returns=view[1] if view else None,
        row=row[1] if row else None,
        has_tag="``ETag``" in returns,
        media_types=tuple(_MEDIA_TYPE.findall(returns)),
        statuses=tuple(int(status) for status in _STATUS.findall(returns)),
        codes=frozenset(_CODE.findall(sections.get("Raises", ""))),
    )


def _sections(text: str) -> tuple[str, dict[str, str]]:
    head, *parts = _SECTION.split(text)
    names, bodies = parts[::2], parts[1::2]
    return head.strip(), dict(zip(names, bodies, strict=True))


def _plain(text: str) -> str:
    """Paragraphs on one line each, code in single backticks (CommonMark)."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return "\n\n".join(part for part in paragraphs if part).replace("``", "`")
