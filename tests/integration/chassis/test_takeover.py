"""Two processes of the events role, of which one relays."""

import json
import signal
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
from worlds import ORG, World, ask, until

from chassis.ids import new_id

pytestmark = pytest.mark.integration

TAKEOVER_S = 10


@pytest.fixture(scope="module")
def world(status, tmp_path_factory):
    world = World(status, tmp_path_factory.mktemp("world"))
    with world.broker.channel() as channel:
        # Hears what is published, and how often.
        channel.queue_declare("witness", durable=True)
        channel.queue_bind("witness", "probe.events", "#")
    yield world
    world.close()


@pytest.fixture(scope="module")
def rpc(world):
    return world.start_all("rpc")[0]


@pytest.fixture(scope="module")
def client(world, rpc):
    assert rpc.is_running
    return world.client()


class Relays:
    """The two, and which of them holds the lease."""

    def __init__(self, world):
        self._world = world
        self._workers = {each.pid: each for each in world.start_all("events", "events")}

    def _holder(self):
        lease = self._world.database["leases"].find_one({"_id": "relay"})
        pid = int(lease["owner"].split(":")[1]) if lease else None
        return self._workers.get(pid)

    def active(self, but=None):
        """The one that relays, as soon as it is not ``but``."""

        def holder():
            found = self._holder()
            return found is not but and found

        return until(holder)

    def replace(self, dead):
        """Start another in place of one that is gone."""
        del self._workers[dead.pid]
        self.add()

    def add(self):
        (worker,) = self._world.start_all("events")
        self._workers[worker.pid] = worker

    def kill_all(self):
        for worker in self._workers.values():
            worker.kill()
        self._workers.clear()


@pytest.fixture(scope="module")
def relays(world):
    return Relays(world)


def add(client, entry, operation_id=None):
    context = {"operation_id": operation_id or new_id()}
    return ask(client, "add_entry", context=context, org_id=ORG, entry_id=entry)


def published(world):
    """The sequence numbers that were published of each record, in order."""
    sequences = defaultdict(list)
    for _, body in world.broker.take("witness"):
        event = json.loads(body)
        sequences[event["aggregate"]["id"]].append(event["sequence"])
    return sequences


def without_repetitions(numbers):
    return list(dict.fromkeys(numbers))


class TestTheOtherRelay:
    @pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP])
    def test_publishes_within_ten_seconds_of_the_first_ones_end(
        self, world, client, relays, fate
    ):
        first, entry = new_id(), new_id()
        add(client, first)
        until(lambda: world.effects("on_entry_added", first))
        active = relays.active()
        if fate is signal.SIGKILL:
            active.kill()
        else:
            active.freeze()
        began = time.monotonic()
        add(client, entry)
        ask(client, "change_entry", org_id=ORG, entry_id=entry)
        heard = []

        def both():
            heard.extend(published(world)[entry])
            return len(heard) >= 2

        until(both, within_s=TAKEOVER_S)
        took_s = time.monotonic() - began
        if fate is signal.SIGKILL:
            relays.replace(active)
        else:
            relays.active(but=active)
            active.thaw()

        assert took_s < TAKEOVER_S
        assert without_repetitions(heard) == [1, 2]
        # A handler's share of the frozen one comes only after it is awake.
        until(lambda: world.effects("on_entry_added", entry) == [1])
        until(lambda: world.effects("on_entry_changed", entry) == [2])
        until(lambda: world.effects("on_events", entry) == [1, 2])


class TestOrder:
    def test_within_a_record_holds_while_many_write_and_the_relay_changes(
        self, world, client, relays
    ):
        entries = [new_id() for _ in range(4)]
        changes = 15
        world.broker.take("witness")

        def write(entry):
            add(client, entry)
            for _ in range(changes):
                ask(client, "change_entry", org_id=ORG, entry_id=entry)

        with ThreadPoolExecutor(len(entries)) as threads:
            running = [threads.submit(write, entry) for entry in entries]
            until(lambda: world.effects("on_entry_changed", entries[0]))
            active = relays.active()
            active.kill()
            for each in running:
                each.result()
        relays.replace(active)
        expected = list(range(1, changes + 2))

        for entry in entries:
            until(
                lambda entry=entry: world.effects("on_events", entry) == expected,
                within_s=30,
            )
            until(
                lambda entry=entry: (
                    world.effects("on_entry_changed", entry) == expected[1:]
                )
            )
        heard = published(world)
        for entry in entries:
            assert without_repetitions(heard[entry]) == expected


class TestACrash:
    def test_between_commit_and_publication_costs_no_event_and_doubles_none(
        self, world, client, rpc, relays
    ):
        entry, operation_id = new_id(), new_id()
        relays.kill_all()
        add(client, entry, operation_id)
        rpc.kill()
        stored = world.database["entries"].find_one({"_id": entry})
        world.broker.take("witness")
        relays.add()
        (again,) = world.start_all("rpc")
        # Its caller never knew, and asks again under the same key.
        assert add(client, entry, operation_id) == 1
        until(lambda: world.effects("on_entry_added", entry) == [1])
        until(lambda: world.effects("on_events", entry) == [1])

        assert len(stored["pending_events"]) == 1
        assert again.is_running
        assert len(published(world)[entry]) == 1
        assert len(world.starts("on_entry_added", entry)) == 1
