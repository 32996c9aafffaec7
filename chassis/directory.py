"""Who records may be given to: the organization's people and teams, by svc_auth's word.

It is asked at the moment they are named, and once for all who are named in one
request. Whoever only names themselves, or their own teams, waits for nobody.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from chassis.ids import is_id

__all__ = ["MOST_ASKED", "Directory", "named_ids"]

# Of one call.
MOST_ASKED: Final = 1_000

Find = Callable[[list[str]], Collection[str]]


class Directory:
    """The organization's people, or its teams, as far as one worker has to know them.

    Args:
        find: Asks svc_auth which of some ids are of the organization now.
        known: Those of which the caller's token says it.
    """

    def __init__(self, find: Find, known: Iterable[str]) -> None:
        self._find = find
        self._known: dict[str, bool] = dict.fromkeys(known, True)

    def include(self, ids: Iterable[str]) -> bool:
        """Whether all of them are of the organization.

        Raises:
            UnavailableError: ``service_unavailable``: one is not known yet, and
                svc_auth is away.
        """
        wanted = set(ids)
        self.learn(wanted)
        return all(self._known[each] for each in wanted)

    def learn(self, ids: Iterable[str]) -> None:
        """Ask for those that are not known yet."""
        unknown = sorted(set(ids) - self._known.keys())
        asked = [each for each in unknown if is_id(each)]
        found = {
            each
            for start in range(0, len(asked), MOST_ASKED)
            for each in self._find(asked[start : start + MOST_ASKED])
        }
        self._known |= {each: each in found for each in unknown}


def named_ids(rows: Sequence[Any], names: Collection[str]) -> set[str]:
    """What the rows of a batch name in these fields, whatever else is in them."""
    payloads = [row.get("data") for row in rows if isinstance(row, Mapping)]
    given = [
        payload.get(name)
        for payload in payloads
        if isinstance(payload, Mapping)
        for name in names
    ]
    lists = [each if isinstance(each, list) else [each] for each in given]
    return {each for ids in lists for each in ids if isinstance(each, str)}
