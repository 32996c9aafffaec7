"""``dlq`` and ``outbox`` in ``./crm shell``: the verbs of the command line.

A connection per verb: one that idles at a prompt would be closed by the broker.
"""

from collections.abc import Callable
from typing import Any

from stack.broker import operator_connection
from stack.dead_letters import DEFAULT_LIMIT, DeadLetters, Selection
from stack.errors import StackError
from stack.operator_tables import (
    letter_as_text,
    line_of,
    listing_as_text,
    outbox_as_text,
    outcome_as_text,
)
from stack.outboxes import collect_outboxes
from stack.paths import StatePaths

__all__ = ["DeadLetterVerbs", "OutboxVerbs", "Shown"]


class Shown:
    """A result that a prompt shows readably; ``value`` is the thing itself."""

    def __init__(self, value: Any, as_text: Callable[[Any], str]) -> None:
        self.value = value
        self._as_text = as_text

    def __repr__(self) -> str:
        return self._as_text(self.value)


class DeadLetterVerbs:
    """Dead letters.

    dlq.list(service="notify", queue="…")   all of them without arguments
    dlq.show(id)                            headers and body
    dlq.replay(id, …), dlq.replay(service="notify"), dlq.replay(all=True)
    dlq.discard(id, …), dlq.discard(all=True, service="notify")
    """

    def __init__(self, paths: StatePaths, limit: int = DEFAULT_LIMIT) -> None:
        self._paths = paths
        self.limit = limit

    def __repr__(self) -> str:
        return str(self.__doc__)

    def list(self, service: str | None = None, queue: str | None = None) -> Shown:
        """A line for each."""
        return self._do(DeadLetters.find, listing_as_text, (), service, queue)

    def show(
        self, identity: str, service: str | None = None, queue: str | None = None
    ) -> Shown:
        """Headers and body; several, if several handlers failed at the event."""
        ids = (identity,)
        return self._do(DeadLetters.find, _letters_as_text, ids, service, queue)

    def replay(
        self,
        *ids: str,
        service: str | None = None,
        queue: str | None = None,
        all: bool = False,  # noqa: A002 - as on the command line
    ) -> Shown:
        """Send them back to their handlers."""
        if not (ids or service or queue or all):
            raise StackError("Say which: ids, service=, queue=, or all=True.")
        return self._do(DeadLetters.replay, _settled_as_text, ids, service, queue)

    def discard(
        self,
        *ids: str,
        service: str | None = None,
        queue: str | None = None,
        all: bool = False,  # noqa: A002 - as on the command line
    ) -> Shown:
        """Drop them for good."""
        if not (ids or all):
            raise StackError("Say which: ids, or all=True.")
        return self._do(DeadLetters.discard, _settled_as_text, ids, service, queue)

    def _do(
        self,
        verb: Callable[..., Any],
        as_text: Callable[[Any], str],
        ids: tuple[str, ...],
        service: str | None,
        queue: str | None,
    ) -> Shown:
        with operator_connection(self._paths) as connection:
            dead_letters = DeadLetters(connection, self.limit)
            return Shown(verb(dead_letters, Selection(ids, service, queue)), as_text)


class OutboxVerbs:
    """Events on their way: ``outbox.status()``, ``outbox.status("sales")``."""

    def __init__(self, paths: StatePaths) -> None:
        self._paths = paths

    def __repr__(self) -> str:
        return str(self.__doc__)

    def status(self, service: str | None = None) -> Shown:
        """As they are at this moment."""
        return Shown(collect_outboxes(self._paths, service), outbox_as_text)


def _letters_as_text(listing: Any) -> str:
    return "\n\n".join(map(letter_as_text, listing.letters))


def _settled_as_text(outcome: Any) -> str:
    return "\n".join([*map(line_of, outcome.done), outcome_as_text(outcome)])
