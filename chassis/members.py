"""Who records may be given to: members of the organization, by svc_auth's word.

It is asked at the moment somebody is named, and once for all who are named in
one request. Whoever only names themselves waits for nobody.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from chassis.ids import is_id

__all__ = ["MOST_ASKED", "Members", "named_people"]

# Of one call.
MOST_ASKED: Final = 1_000

Find = Callable[[list[str]], Collection[str]]


class Members:
    """The organization's members, as far as one worker has to know them.

    Args:
        find: Asks svc_auth which of some people are members now.
        own_id: The caller, who is known.
    """

    def __init__(self, find: Find, own_id: str) -> None:
        self._find = find
        self._known: dict[str, bool] = {own_id: True}

    def include(self, people: Iterable[str]) -> bool:
        """Whether all of them are members.

        Raises:
            UnavailableError: ``service_unavailable``: somebody is not known
                yet, and svc_auth is away.
        """
        wanted = set(people)
        self.learn(wanted)
        return all(self._known[each] for each in wanted)

    def learn(self, people: Iterable[str]) -> None:
        """Ask for those who are not known yet."""
        unknown = sorted(set(people) - self._known.keys())
        asked = [each for each in unknown if is_id(each)]
        found = {
            each
            for start in range(0, len(asked), MOST_ASKED)
            for each in self._find(asked[start : start + MOST_ASKED])
        }
        self._known |= {each: each in found for each in unknown}


def named_people(rows: Sequence[Any], names: Collection[str]) -> set[str]:
    """Whom the rows of a batch name in these fields, whatever else is in them."""
    payloads = [row.get("data") for row in rows if isinstance(row, Mapping)]
    given = [
        payload.get(name)
        for payload in payloads
        if isinstance(payload, Mapping)
        for name in names
    ]
    lists = [each if isinstance(each, list) else [each] for each in given]
    return {each for people in lists for each in people if isinstance(each, str)}
