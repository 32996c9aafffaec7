"""The events of the feed, as ``docs/events.md`` lists them."""

import re
from collections.abc import Iterator
from typing import Final

from stack.paths import ROOT

__all__ = ["event_table"]

_ROW: Final = re.compile(r"^(\| `[a-z_]+\.[a-z_]+` \| \w+ \| .+? \|) ", re.MULTILINE)
# Of the whole installation, and in no organization's feed.
_INTERNAL: Final = "`auth.signing_key_"


def event_table() -> str:
    """Name, record and facts of each, in Markdown."""
    return "\n".join(("| event | record | `data` |", "|---|---|---|", *_rows()))


def _rows() -> Iterator[str]:
    for row in _ROW.findall((ROOT / "docs" / "events.md").read_text()):
        if _INTERNAL not in row:
            yield row
