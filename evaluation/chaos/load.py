"""The load: threads that write, each write under a key and until it is done."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from evaluation.chaos.client import Client
from evaluation.chaos.writes import Answer, Book, Operation, Outcome, Write

__all__ = ["Load", "is_worth_another_try"]

PASSWORD: Final = "correct horse battery"  # noqa: S105 - nobody's
_PATIENCE_S: Final = 60.0
_PACE_S: Final = 0.08
_LONGEST_PAUSE_S: Final = 2.0
_REPEATED: Final = 0.05
_FEWEST_CONTACTS: Final = 5
_TRANSIENT: Final = frozenset(
    {"closed", "refused", "silent", "429", "500", "502", "503", "504"}
)
_TRANSIENT_CODES: Final = frozenset({"idempotency_key_in_progress", "too_many_writers"})
_WEIGHTS: Final = {
    "contact": 28,
    "account": 10,
    "purchase": 26,
    "change": 14,
    "change_shared": 8,
    "conversion": 12,
    "registration": 2,
}


def is_worth_another_try(answer: Answer) -> bool:
    """Whether the same request under the same key may succeed later."""
    return answer.status in _TRANSIENT or answer.code in _TRANSIENT_CODES


@dataclass
class Load:
    """What the writers of one run have in common.

    Attributes:
        name: Distinguishes this run's keys and names from all others.
        tokens: Access tokens of the registered organizations, by marker.
    """

    gateway: str
    seed: int
    name: str
    writers: int = 8
    book: Book = field(default_factory=Book)
    tokens: dict[str, str] = field(default_factory=dict)
    shared_contact_id: str = ""

    def __post_init__(self) -> None:
        self._is_over = threading.Event()
        self._give_up_at = float("inf")
        self._threads: list[threading.Thread] = []

    @property
    def marker(self) -> str:
        """Of the organization in which everything happens."""
        return f"{self.name}-org"

    def prepare(self) -> None:
        """Register the organization, while all is still well.

        Raises:
            ValueError: It was refused.
        """
        writer = _Writer(self, 0)
        writer.register(self.marker)
        writer.client.token = self.tokens.get(self.marker, "")
        made = writer.create_contact()
        writer.client.close()
        if made is None:
            answers = [str(answer) for each in self.book for answer in each.answers]
            raise ValueError(f"The load cannot begin: it was answered {answers}.")
        self.shared_contact_id = made

    def start(self) -> None:
        """Begin to write."""
        for number in range(1, self.writers + 1):
            writer = _Writer(self, number, self.tokens[self.marker])
            thread = threading.Thread(target=writer.run, name=f"writer-{number}")
            thread.daemon = True
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Begin nothing new, and wait until what was begun is done or stuck."""
        self._give_up_at = time.monotonic() + _PATIENCE_S
        self._is_over.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S + 2 * _LONGEST_PAUSE_S + 15)

    def abandon(self) -> None:
        """Begin nothing new and let go of what was begun."""
        self._give_up_at = 0.0
        self._is_over.set()

    @property
    def is_over(self) -> bool:
        """Whether nothing new is to be begun."""
        return self._is_over.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the load lasts."""
        self._is_over.wait(seconds)

    @property
    def is_hopeless(self) -> bool:
        """Whether it is too late to try again."""
        return time.monotonic() > self._give_up_at


class _Writer:
    """One thread's worth of writes, each begun when the one before is done."""

    def __init__(self, load: Load, number: int, token: str = "") -> None:
        self._load = load
        self._number = number
        self._count = 0
        self._random = Random(f"writer {load.seed} {number}")  # noqa: S311 - repeatable
        self._pause = threading.Event()
        self._contacts: list[str] = []
        self.client = Client(load.gateway, token)

    def run(self) -> None:
        """Write until the load is over."""
        actions: Mapping[str, Callable[[], object]] = {
            "contact": self.create_contact,
            "account": self._create_account,
            "purchase": self._purchase,
            "change": self._change,
            "change_shared": self._change_shared,
            "conversion": self._convert,
            "registration": self._register,
        }
        names, weights = list(_WEIGHTS), list(_WEIGHTS.values())
        while not self._load.is_over:
            started = time.monotonic()
            if len(self._contacts) < _FEWEST_CONTACTS:
                self.create_contact()
            else:
                actions[self._random.choices(names, weights)[0]]()
            self._load.pause(max(0.0, started + _PACE_S - time.monotonic()))
        self.client.close()

    def create_contact(self) -> str | None:
        """Make a contact; its id, unless it is stuck."""
        name = self._next("contact")
        payload = {"last_name": name}
        path = "/v1/contacts"
        write = self._write(
            Write(name, Operation.CREATE_CONTACT, name), "POST", path, payload
        )
        if write.outcome is not Outcome.MADE:
            return None
        self._contacts.append(write.result["id"])
        return self._contacts[-1]

    def _create_account(self) -> None:
        name = self._next("account")
        write = Write(name, Operation.CREATE_ACCOUNT, name)
        self._write(write, "POST", "/v1/accounts", {"name": name})

    def _purchase(self) -> None:
        name = self._next("purchase")
        amount = {"amount": f"{self._random.randint(1, 999)}.50", "currency": "USD"}
        payload = {
            "type": "purchase",
            "subject": name,
            "contact_id": self._random.choice(self._contacts),
            "amount": amount,
        }
        write = Write(name, Operation.CREATE_INTERACTION, name)
        self._write(write, "POST", "/v1/interactions", payload)

    def _change(self) -> None:
        self._patch(self._random.choice(self._contacts), is_shared=False)

    def _change_shared(self) -> None:
        self._patch(self._load.shared_contact_id, is_shared=True)

    def _patch(self, contact_id: str, *, is_shared: bool) -> None:
        name = self._next("change")
        write = Write(name, Operation.UPDATE_CONTACT, name, contact_id, is_shared)
        path = f"/v1/contacts/{contact_id}"
        self._write(write, "PATCH", path, {"job_title": name})

    def _convert(self) -> None:
        """Three writes in a row; each needs the one before."""
        name = self._next("lead")
        payload = {"company": name, "last_name": name}
        write = Write(name, Operation.CREATE_LEAD, name)
        write = self._write(write, "POST", "/v1/leads", payload)
        steps: Sequence[tuple[Operation, str, Mapping[str, Any] | None]] = (
            (Operation.QUALIFY_LEAD, "qualify", None),
            (Operation.CONVERT_LEAD, "convert", {}),
        )
        for operation, verb, body in steps:
            if write.outcome is not Outcome.MADE:
                return
            lead_id = write.record_id or write.result["id"]
            write = Write(f"{name}-{verb}", operation, name, lead_id)
            self._write(write, "POST", f"/v1/leads/{lead_id}/{verb}", body)

    def _register(self) -> None:
        token, self.client.token = self.client.token, ""
        self.register(self._next("org"))
        self.client.token = token

    def register(self, name: str) -> None:
        """Make an organization and keep its owner's token."""
        payload = {
            "org_name": name,
            "name": "Chaos",
            "email": f"{name}@chaos.example",
            "password": PASSWORD,
        }
        write = Write(name, Operation.REGISTER_ORG, name)
        self._write(write, "POST", "/v1/auth/register-org", payload)
        if write.outcome is Outcome.MADE:
            self._load.tokens[name] = write.result["access_token"]

    def _next(self, noun: str) -> str:
        self._count += 1
        return f"{self._load.name}-{self._number}-{self._count}-{noun}"

    def _write(
        self, write: Write, method: str, path: str, payload: Mapping[str, Any] | None
    ) -> Write:
        """Try until it is made, refused for good, or stuck."""
        self._load.book.add(write)
        answer = self._insist(write, method, path, payload)
        if answer.is_success:
            write.result = answer.document
            self._repeat(write, method, path, payload)
            write.outcome = Outcome.MADE
        elif is_worth_another_try(answer):
            write.outcome = Outcome.STUCK
        else:
            write.outcome = Outcome.REFUSED
        return write

    def _insist(
        self, write: Write, method: str, path: str, payload: Mapping[str, Any] | None
    ) -> Answer:
        while True:
            answer = self.client.send(
                method, path, payload, key=write.key, timeout_s=write.bound_s + 1
            )
            write.answers.append(answer)
            if not is_worth_another_try(answer) or self._load.is_hopeless:
                return answer
            wanted_s = answer.retry_after_s or self._random.uniform(0.2, 0.6)
            self._pause.wait(min(wanted_s, _LONGEST_PAUSE_S))

    def _repeat(
        self, write: Write, method: str, path: str, payload: Mapping[str, Any] | None
    ) -> None:
        """Now and then ask again for what is done: the answer is the first one."""
        is_creation = write.operation.startswith("create_")
        if is_creation and self._random.random() < _REPEATED:
            before = len(write.answers)
            write.repetition = self._insist(write, method, path, payload)
            write.repeats = len(write.answers) - before
