"""One operation, one effect: retries with an ``Idempotency-Key`` included.

The owning service decides. A keyed operation reserves its key before it acts;
the ids of everything it makes are derived from the reservation, so that a
crash between the write and the answer still makes one thing. An operation
without a key derives its ids from itself, which makes a request that the
broker delivers twice harmless at no cost.
"""

import functools
import hashlib
import hmac
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar

import orjson
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from chassis.config import setting
from chassis.context import Context
from chassis.effects import HEADER, read_effects, write_effects
from chassis.errors import ConflictError, InvalidInputError, WireError
from chassis.ids import derive_id, is_keyed, new_id
from chassis.mongo import Collection, Document, Index
from chassis.rows import TenantRows
from chassis.views import bare, without

__all__ = [
    "IDEMPOTENCY_KEYS",
    "Operation",
    "idempotent",
    "idempotent_as",
    "repeatable",
]

IDEMPOTENCY_KEYS: Final = Collection(
    "idempotency_keys", (Index((("expires_at", 1),), expires_after_s=0),)
)
_LIFE: Final = timedelta(hours=24)
_MARGIN: Final = timedelta(seconds=1)
_RETRY_AFTER_S: Final = 1
# Of an attempt that has ended, and left no answer to give.
_OVER: Final = {"running_until": datetime.fromtimestamp(0, tz=UTC)}
_OF_ONE_ATTEMPT: Final = ("attempt", "request_id", "running_until")

Method = TypeVar("Method", bound=Callable[..., Any])
# From a service and a remembered answer to what the caller may see of it by now.
_Seen = Callable[[Any, Any], Any]


class Operation:
    """The operation that the current worker is part of."""

    def __init__(self, database: Database[Document], context: Context) -> None:
        self._context = context
        self._seed = context.operation_id
        self._database = database

    def new_id(self, role: str) -> str:
        """The id of the thing that this operation makes in ``role``.

        The same each time that the operation is tried.
        """
        return derive_id(self._seed, role)

    def once(
        self,
        name: str,
        arguments: dict[str, Any],
        act: Callable[[], Any],
        *,
        keeps_answer: bool = True,
    ) -> Any:
        """Act, or give the answer of the time before, as the caller may see it.

        A refusal frees the key, so that the client may correct what was
        wrong, unless an attempt before it may have done something. An
        attempt that failed is taken over by the next request, and makes what
        that one would have made; one that died, one second after its
        deadline, or at once when the broker delivers the same request again.

        Raises:
            InvalidInputError: ``idempotency_key_reused``: the key was used
                for another request.
            ConflictError: ``idempotency_key_in_progress``; the details say
                ``retry_after_s``.
        """
        if not is_keyed(self._context.operation_id):
            return act()
        rows = TenantRows(self._database[IDEMPOTENCY_KEYS.name], self._context)
        reservation = self._reserve(rows, _fingerprint(name, arguments))
        if reservation["answer"] is not None:
            self._context.replayed = True
            effects = read_effects({HEADER: reservation.get("effects")})
            self._context.effects.update({each.record_id: each for each in effects})
            return self._as_seen_now(reservation)
        self._seed = self._context.occasion = reservation["seed"]
        # Whoever took over from us decides from then on.
        own = {name: reservation[name] for name in ("_id", "attempt")}
        try:
            answer = act()
            rows.update(own, {"$set": self._kept(answer) if keeps_answer else _OVER})
        except Exception as error:
            self._end(rows, own, error)
            raise
        return answer

    def _end(self, rows: TenantRows, own: Document, error: Exception) -> None:
        """Let the next request with the key in.

        After a failure of ours nobody knows what has been done, and what was asked
        of the database or another service may be done yet. Ids derived from the
        same seed, and versions, keep the next attempt from doing it twice.
        """
        is_refusal = (
            isinstance(error, WireError)
            and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        )
        # Where the database is away as well, the deadline frees the key.
        with suppress(PyMongoError):
            if is_refusal and not self._context.is_repeated:
                rows.delete(own)
            else:
                rows.update(own, {"$set": _OVER})

    def _kept(self, answer: Any) -> Document:
        return {
            "answer": orjson.dumps(answer),
            "effects": write_effects(self._context.effects.values()),
            "read_reach": self._read_reach,
        }

    @property
    def _resource(self) -> str | None:
        """What kind of records the method says that it writes."""
        needs = self._context.needs
        return None if needs is None else needs.partition(":")[0]

    @property
    def _read_reach(self) -> str:
        caller = self._context.caller
        if caller is None or self._resource is None:
            return "none"
        return caller.reach(f"{self._resource}:read")

    def _as_seen_now(self, reservation: Document) -> Any:
        """A remembered answer without what the caller may not see, or not any more.

        It may have been given to another token of theirs.
        """
        answer = orjson.loads(reservation["answer"])
        caller, resource = self._context.caller, self._resource
        if caller is None or resource is None:
            return answer
        # Rows from before this was kept are of whoever might read all.
        if not caller.reaches(f"{resource}:read", reservation.get("read_reach", "all")):
            answer = bare(answer)
        return without(answer, caller.hidden_fields(resource))

    def _reserve(self, rows: TenantRows, fingerprint: str) -> Document:
        now = self._context.now()
        deadline = datetime.fromtimestamp(self._context.deadline, tz=UTC)
        reservation = {
            "_id": self._context.operation_id,
            "principal_id": self._context.actor["id"],
            "fingerprint": fingerprint,
            "seed": new_id(),
            "answer": None,
            "request_id": self._context.request_id,
            "attempt": new_id(),
            # Behind the deadline nothing of this attempt can be under way.
            "running_until": deadline + _MARGIN,
            "expires_at": now + _LIFE,
        }
        try:
            rows.insert(reservation)
        except DuplicateKeyError:
            return self._reserved_before(rows, reservation)
        return reservation

    def _reserved_before(self, rows: TenantRows, wanted: Document) -> Document:
        key = {"_id": wanted["_id"], "principal_id": wanted["principal_id"]}
        found = rows.find_one(key)
        if found is not None and found["fingerprint"] != wanted["fingerprint"]:
            raise InvalidInputError(
                "idempotency_key_reused",
                "This Idempotency-Key was used for another request.",
            )
        if found is not None and found["answer"] is not None:
            return found
        # The same request again is one that the broker delivered twice because
        # its first worker died; ids derived from the seed keep it harmless.
        is_free = [
            {"running_until": {"$lt": self._context.now()}},
            {"request_id": wanted["request_id"]},
        ]
        taken_over = rows.update(
            {**key, "answer": None, "$or": is_free},
            {"$set": {name: wanted[name] for name in _OF_ONE_ATTEMPT}},
        )
        if taken_over is None:
            raise ConflictError(
                "idempotency_key_in_progress",
                "A request with this Idempotency-Key is still being worked on.",
                f'{{"retry_after_s": {_RETRY_AFTER_S}}}',
            )
        self._context.is_repeated = True
        return taken_over


def _fingerprint(name: str, arguments: dict[str, Any]) -> str:
    """Under a key of ours: among the arguments may be passwords."""
    canonical = orjson.dumps([name, arguments], option=orjson.OPT_SORT_KEYS)
    return hmac.new(_fingerprint_key(), canonical, hashlib.sha256).hexdigest()


@functools.cache
def _fingerprint_key() -> bytes:
    return f"rapport fingerprint\n{setting('VAULT_KEY')}".encode()


def idempotent(method: Method) -> Method:
    """Answer a repeated keyed call of this method as the first time.

    The service needs an :class:`Operation` as ``self.operation``. Not for
    methods whose answers carry secrets. What the method needs is said in
    ``@rpc(needs=...)``: an answer is remembered for 24 hours, rights may not last.
    """
    return _once(method, keeps_answer=True)


def idempotent_as(seen: _Seen) -> Callable[[Method], Method]:
    """As :func:`idempotent`, of a method whose answer tells of other resources.

    Fields of what the method writes are left out of a remembered answer where they
    are hidden by now; what else is, ``seen`` has to know.

    Args:
        seen: From the service and a remembered answer to what the caller may see.
    """
    return functools.partial(_once, keeps_answer=True, seen=seen)


def repeatable(method: Method) -> Method:
    """Carry a repeated keyed call of this method out again, as the same operation.

    For what hands out secrets, which are not kept: whatever the method makes
    has the id that ``self.operation.new_id`` gives, and if it is there already,
    nobody may have heard its secret, and it gets another.
    """
    return _once(method, keeps_answer=False)


def _once(method: Method, *, keeps_answer: bool, seen: _Seen | None = None) -> Method:
    @functools.wraps(method)
    def once(self: Any, **arguments: Any) -> Any:
        answer = self.operation.once(
            method.__name__,
            arguments,
            lambda: method(self, **arguments),
            keeps_answer=keeps_answer,
        )
        return seen(self, answer) if seen and self.context.replayed else answer

    # For whoever describes the interface.
    once.__dict__["keeps_answer"] = keeps_answer
    return once  # type: ignore[return-value]
