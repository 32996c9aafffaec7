"""One key, one effect: repeated, overtaken, refused and died in any order."""

import time

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
)
from pymongo.errors import OperationFailure

from chassis.context import Context
from chassis.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from chassis.idempotency import IDEMPOTENCY_KEYS, Operation
from chassis.ids import keyed_operation_id, new_id

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

ORGS = [new_id(), new_id()]
SCOPES = st.tuples(
    st.sampled_from(ORGS), st.sampled_from(["a", "b"]), st.sampled_from(["k", "l"])
)


class KilledError(BaseException):
    """What a process does not live to see."""


def context(scope, *, is_late=False, request_id=None):
    org_id, principal_id, _ = scope
    return Context(
        caller=None,
        org_id=org_id,
        actor={"type": "person", "id": principal_id},
        operation_id=keyed_operation_id(*scope),
        request_id=request_id or new_id(),
        traceparent="",
        # Late: over for longer than the margin that is left to the work.
        deadline=time.time() + (-2 if is_late else 60),
    )


class Attempt:
    """One request with a key; ``made`` is the id of what it made, if it acted."""

    def __init__(self, database, its_context, name, end, *, keeps_answer=True):
        self.context = its_context
        self.made = None
        self.refused = None
        self.answer = None
        operation = Operation(database, its_context)

        def act():
            self.made = operation.new_id("thing")
            end()
            return {"id": self.made, "request": its_context.request_id}

        try:
            self.answer = operation.once(
                "create", {"name": name}, act, keeps_answer=keeps_answer
            )
        except (InvalidInputError, ConflictError) as error:
            self.refused = error.code
        except (NotFoundError, UnavailableError, ZeroDivisionError, KilledError):
            self.refused = "by itself"


def succeed():
    pass


def refuse():
    raise NotFoundError("contact_not_found", "There is no such contact.")


def fail():
    raise UnavailableError("database_unavailable", "The database is away.")


def die():
    raise KilledError


def break_():
    raise ZeroDivisionError


ENDS = st.sampled_from([succeed, refuse, fail, break_, die])


class KeyMachine(RuleBasedStateMachine):
    """Knows of each key what is reserved under it, and expects that."""

    def __init__(self, database):
        super().__init__()
        self.database = database
        self.known = {}

    @initialize()
    def begin(self):
        self.database[IDEMPOTENCY_KEYS.name].delete_many({})

    @rule(
        scope=SCOPES,
        name=st.sampled_from(["x", "x", "x", "y"]),
        end=ENDS,
        is_late=st.booleans(),
        is_delivered_again=st.booleans(),
    )
    def ask(self, scope, name, end, is_late, is_delivered_again):
        before = self.known.get(scope)
        request_id = before["request_id"] if before and is_delivered_again else None
        asked = context(scope, is_late=is_late, request_id=request_id)
        attempt = Attempt(self.database, asked, name, end)

        if before is not None and before["name"] != name:
            assert attempt.refused == "idempotency_key_reused"
        elif before is not None and before["answer"] is not None:
            assert attempt.answer == before["answer"]
            assert asked.replayed
        elif before is not None and not (before["is_over"] or is_delivered_again):
            assert attempt.refused == "idempotency_key_in_progress"
        else:
            assert before is None or attempt.made == before["made"]
            self.note(scope, name, end, attempt, is_late=is_late)
            if end is refuse and before is None:
                del self.known[scope]
            return
        assert attempt.made is None

    def note(self, scope, name, end, attempt, *, is_late):
        assert attempt.made is not None
        self.known[scope] = {
            "name": name,
            "made": attempt.made,
            # Failed and said so, or behind its deadline.
            "is_over": is_late or end in {refuse, fail, break_},
            "request_id": attempt.context.request_id,
            "answer": attempt.answer,
        }

    @rule(scope=SCOPES, end=ENDS, end_of_other=ENDS)
    def be_overtaken(self, scope, end, end_of_other):
        """An attempt sleeps past its deadline; another acts and ends meanwhile."""
        if scope in self.known:
            return
        slept, other = sleep_and_be_overtaken(self.database, scope, end, end_of_other)

        assert other.made == slept.made
        self.note(scope, "x", end_of_other, other, is_late=False)


def sleep_and_be_overtaken(database, scope, end, end_of_other):
    others = []

    def sleep():
        others.append(Attempt(database, context(scope), "x", end_of_other))
        end()

    slept = Attempt(database, context(scope, is_late=True), "x", sleep)
    return slept, others[0]


@pytest.fixture
def database(service_database):
    return service_database(IDEMPOTENCY_KEYS)[1]


class TestKeys:
    def test_have_one_effect_whatever_is_repeated_when(self, database, run_machine):
        run_machine(lambda: KeyMachine(database), examples=20, steps=30)

    @pytest.mark.parametrize("end", [succeed, refuse, fail, die])
    def test_have_the_answer_of_who_took_over(self, database, end):
        scope = (ORGS[0], "late", "key")
        _, other = sleep_and_be_overtaken(database, scope, end, succeed)

        again = Attempt(database, context(scope), "x", succeed)
        assert again.answer == other.answer is not None
        assert again.made is None

    def test_are_free_again_if_an_answer_cannot_be_kept(self, database):
        scope = (ORGS[0], "large", "key")
        operation = Operation(database, context(scope))
        with pytest.raises(OperationFailure):
            operation.once("create", {"name": "x"}, lambda: "x" * 2**24)

        assert Attempt(database, context(scope), "x", succeed).made is not None

    def test_are_reserved_by_one_of_two(self, database):
        scope = (ORGS[0], "two", "key")
        others = []

        def meanwhile():
            others.append(Attempt(database, context(scope), "x", succeed))

        attempt = Attempt(database, context(scope), "x", meanwhile)

        assert attempt.made is not None
        assert others[0].refused == "idempotency_key_in_progress"
        assert others[0].made is None


class TestSecrets:
    def test_are_made_anew_for_the_same_thing(self, database):
        scope = (ORGS[0], "secret", "key")
        attempts = [
            Attempt(database, context(scope), "x", end, keeps_answer=False)
            for end in (succeed, refuse, succeed)
        ]
        other = Attempt(database, context(scope), "y", succeed, keeps_answer=False)
        row = database[IDEMPOTENCY_KEYS.name].find_one(attempts[0].context.operation_id)

        assert len({each.made for each in attempts}) == 1
        assert not any(each.context.replayed for each in attempts)
        assert len({each.context.step_id for each in attempts}) == 1
        assert other.refused == "idempotency_key_reused"
        assert row["answer"] is None


class TestOperationsWithoutAKey:
    def test_make_the_same_thing_each_time_they_are_delivered(self, database):
        scope = (ORGS[0], "none", "key")
        asked = context(scope)
        asked.operation_id = new_id()

        first = Attempt(database, asked, "x", succeed)
        second = Attempt(database, asked, "x", succeed)
        assert first.made == second.made is not None
        assert database[IDEMPOTENCY_KEYS.name].find_one(asked.operation_id) is None
