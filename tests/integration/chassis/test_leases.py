"""Of several processes one holds a lease, whoever sleeps, dies or lets go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from chassis.leases import LEASES, Lease

pytestmark = pytest.mark.integration

PROCESSES = st.integers(0, 2)


@pytest.fixture
def rows(service_database):
    owner, _ = service_database(LEASES)
    return owner[LEASES.name]


def expire(rows):
    """Time passes without anybody renewing."""
    past = datetime.fromtimestamp(0, tz=UTC)
    rows.update_many({}, {"$set": {"expires_at": past}})


class LeaseMachine(RuleBasedStateMachine):
    """Knows who holds the lease, and since which epoch."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows
        self.holder = None
        self.has_expired = True
        self.epochs = []
        self.written = 0

    @initialize()
    def begin(self):
        self.rows.delete_many({})
        self.leases = [self.start() for _ in range(3)]

    def start(self):
        return Lease(self.rows, "relay", timedelta(hours=1))

    @rule(index=PROCESSES)
    def hold(self, index):
        is_free = self.has_expired or self.holder is None
        is_held = self.leases[index].hold()

        assert is_held == (is_free or self.holder == index)
        if is_held and self.holder != index:
            self.epochs.append(self.leases[index].epoch)
        if is_held:
            self.holder, self.has_expired = index, False

    @rule(index=PROCESSES)
    def release(self, index):
        self.leases[index].release()
        if self.holder == index:
            self.holder = None

    @rule(index=PROCESSES)
    def die(self, index):
        self.leases[index] = self.start()
        if self.holder == index:
            # Nobody is it any more, and nobody else may before its time is over.
            self.holder = "the dead"

    @rule()
    def pass_time(self):
        expire(self.rows)
        self.has_expired = True

    @rule(index=PROCESSES)
    def write(self, index):
        """On the strength of the lease, however long ago it was held."""
        wrote = self.rows.update_one(
            self.leases[index].condition, {"$inc": {"written": 1}}
        ).matched_count
        self.written += wrote

        assert wrote == (self.holder == index)

    @invariant()
    def one_writes_at_most(self):
        found = [self.rows.count_documents(lease.condition) for lease in self.leases]
        assert sum(found) <= 1
        row = self.rows.find_one() or {}
        assert row.get("written", 0) == self.written

    @invariant()
    def epochs_only_grow(self):
        assert self.epochs == sorted(set(self.epochs))


class TestALease:
    def test_has_one_holder_whatever_happens(self, rows, run_machine):
        run_machine(lambda: LeaseMachine(rows), examples=12, steps=25)

    def test_runs_out_by_itself(self, rows, until):
        lifetime = timedelta(seconds=0.3)
        began = datetime.now(tz=UTC)
        assert Lease(rows, "relay", lifetime).hold()
        other = Lease(rows, "relay", timedelta(seconds=10))
        until(other.hold, within_s=5, pause_s=0.02)

        # MongoDB keeps milliseconds.
        assert datetime.now(tz=UTC) - began >= lifetime - timedelta(milliseconds=1)

    def test_of_who_was_only_asleep_is_not_renewed(self, rows):
        sleeper, other = (Lease(rows, "x", timedelta(hours=1)) for _ in range(2))
        assert sleeper.hold()
        expire(rows)
        assert other.hold()

        assert not sleeper.hold()
        assert sleeper.epoch is None

    def test_is_for_one_name(self, rows):
        assert Lease(rows, "a", timedelta(hours=1)).hold()
        assert Lease(rows, "b", timedelta(hours=1)).hold()
