"""What one call or one event carries with it, from the front door onwards."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypedDict

from chassis.auth import Caller
from chassis.effects import Effect
from chassis.errors import UnauthenticatedError
from chassis.ids import new_id
from chassis.places import place_of

__all__ = [
    "Actor",
    "Context",
    "Origin",
    "context_of",
    "operator_context",
    "service_context",
]

KEY = "context"
_FOR_EVER_S: Final = 1e9


class Actor(TypedDict):
    """Who brought something about, as events name them."""

    type: Literal[
        "person", "service_account", "client", "service", "operator", "anonymous"
    ]
    id: str


@dataclass(frozen=True)
class Origin:
    """Where a request came from, as the gateway saw it.

    Attributes:
        address: The client's IP address; empty if nobody knows.
        user_agent: What it says it is.
    """

    address: str = ""
    user_agent: str = ""

    @property
    def place(self) -> str:
        """What stands for the client where attempts are counted."""
        return place_of(self.address)


@dataclass(kw_only=True)
class Context:
    """The context of one worker.

    Attributes:
        caller: The verified principal; None for public calls and for events.
        org_id: The organization that this work is done for; None only for
            public calls.
        token: The caller's token, to be handed on in nested calls.
        needs: The permission that the method says it needs, if it says one.
        origin: Where the request came from; told to svc_auth alone.
        deadline: Seconds since the epoch after which nobody waits.
        message: What tells the message that brought this work from all others;
            the same if the broker delivers it twice. Unlike an operation no
            client chooses it.
        is_repeated: Whether an earlier attempt at this very operation may have
            been carried out without anybody hearing of it.
        replayed: Set when the answer is that of an earlier, equal request.
        has_events: Set when a write of this worker left events to be relayed.
        effects: What this operation wrote so far, by the records' ids.
        step: Which of an operation's parts is being carried out, where it has
            several of a kind.
        occasion: What tells this use of an ``Idempotency-Key`` from one of another
            day, when its first was forgotten; None without a key.
        session: The database transaction that the worker is in, if any.
        attempt: How often this event has been tried, this time included.
        is_last_attempt: Whether the event will be a dead letter if it fails.
    """

    caller: Caller | None
    org_id: str | None
    actor: Actor
    operation_id: str
    request_id: str
    traceparent: str
    deadline: float
    token: str | None = None
    needs: str | None = None
    origin: Origin = Origin()
    message: str = ""
    is_repeated: bool = False
    replayed: bool = False
    has_events: bool = False
    effects: dict[str, Effect] = field(default_factory=dict)
    step: str | None = None
    occasion: str | None = None
    session: Any = None
    attempt: int = 1
    is_last_attempt: bool = False

    @property
    def identified_caller(self) -> Caller:
        """The caller.

        Raises:
            UnauthenticatedError: ``token_missing``: there is none.
        """
        if self.caller is None:
            raise UnauthenticatedError("token_missing", "An access token is needed.")
        return self.caller

    @property
    def part(self) -> str | None:
        """What tells a change from others of the same operation's name."""
        return "/".join(filter(None, (self.occasion, self.step))) or None

    @property
    def step_id(self) -> str:
        """What a record remembers of a change: the operation, and its part."""
        return "/".join(filter(None, (self.operation_id, self.part)))

    @contextmanager
    def as_step(self, name: str) -> Iterator[None]:
        """Do something that the same operation may have done to the same record.

        A repository takes a second change of one operation for the first one
        repeated, unless it is another step.
        """
        step, self.step = self.step, name
        try:
            yield
        finally:
            self.step = step

    @contextmanager
    def in_org(self, org_id: str) -> Iterator[None]:
        """Work for another organization, and for the same one as before after that."""
        home, self.org_id = self.org_id, org_id
        try:
            yield
        finally:
            self.org_id = home

    def caused_by(self, event: Mapping[str, Any]) -> "Context":
        """This context for what follows from an event: who did it, in which request."""
        return replace(
            self,
            actor=event["actor"],
            request_id=event["request_id"],
            traceparent=event["traceparent"],
        )

    def of_service(self, name: str) -> "Context":
        """This context for what a service finds out by itself, asked by nobody."""
        actor: Actor = {"type": "service", "id": f"service:{name}"}
        return replace(self, actor=actor, request_id=new_id(), traceparent="")

    def now(self) -> datetime:
        """The current time, in milliseconds as MongoDB keeps it."""
        now = datetime.now(tz=UTC)
        return now.replace(microsecond=now.microsecond // 1_000 * 1_000)


def context_of(worker_ctx: Any) -> Context:
    """The context that the entrypoint attached to a Nameko worker."""
    context: Context = worker_ctx.data[KEY]
    return context


def service_context(name: str, budget_s: float) -> Context:
    """What a service does by itself, for no organization in particular.

    Args:
        name: Of the service.
        budget_s: How much time there is for it.
    """
    identity = new_id()
    return Context(
        caller=None,
        org_id=None,
        actor={"type": "service", "id": f"service:{name}"},
        operation_id=identity,
        request_id=identity,
        traceparent="",
        deadline=time.time() + budget_s,
    )


def operator_context(org_id: str) -> Context:
    """What the operator does to an organization's records, outside of any service.

    An operation of its own each time, which nobody waits for.
    """
    return Context(
        caller=None,
        org_id=org_id,
        actor={"type": "operator", "id": "operator"},
        operation_id=new_id(),
        request_id=new_id(),
        traceparent="",
        deadline=time.time() + _FOR_EVER_S,
    )
