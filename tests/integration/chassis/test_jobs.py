"""Jobs are done to the end, by whoever lives, and everybody's in turn."""

from datetime import UTC, datetime, timedelta

import pytest
from worlds import ORG, until

from chassis.auth import Caller
from chassis.context import Context
from chassis.errors import ConflictError, NotFoundError
from chassis.ids import new_id
from chassis.jobs import JOBS, Jobs
from chassis.turns import RETRY_DELAYS_S, Step, Turns

pytestmark = pytest.mark.integration

LONG_AGO = datetime.fromtimestamp(0, tz=UTC)
A_MILLISECOND = timedelta(milliseconds=1)


class ProbeJobs(Jobs):
    """The probe's jobs."""

    resource = "entries"


def context(org_id, person_id="ada", reach="all"):
    caller = Caller(
        principal_id=person_id,
        principal_type="person",
        org_id=org_id,
        roles=("rep",),
        team_ids=(),
        grants={"entries:write": reach},
        expires_at=0.0,
        token_id="",
    )
    return Context(
        caller=caller,
        org_id=org_id,
        actor={"type": "person", "id": person_id},
        operation_id=new_id(),
        request_id=new_id(),
        traceparent="",
        deadline=1e12,
    )


@pytest.fixture
def database(service_database):
    owner, _ = service_database(JOBS)
    return owner


@pytest.fixture
def turns(database):
    return Turns(database)


def jobs(database, org_id=ORG, **terms):
    return ProbeJobs(database, context(org_id, **terms))


def add(database, org_id=ORG, **arguments):
    return jobs(database, org_id).add(new_id(), "count", arguments)


def expire(database, job):
    """Time passes without anybody renewing."""
    database["jobs"].update_one({"_id": job.id}, {"$set": {"turn_at": LONG_AGO}})


class TestJobs:
    def test_are_there_once_however_often_they_are_asked_for(self, database):
        job_id = new_id()
        first = jobs(database).add(job_id, "count", {"steps": 1})
        second = jobs(database).add(job_id, "count", {"steps": 1})

        assert (first.id, first.operation_id) == (second.id, second.operation_id)
        assert database["jobs"].count_documents({}) == 1

    def test_are_seen_by_their_maker_alone_without_the_permission(self, database):
        job = add(database)

        assert jobs(database).get(job.id).id == job.id
        with pytest.raises(NotFoundError):
            jobs(database, person_id="eve").get(job.id)
        with pytest.raises(NotFoundError):
            jobs(database, org_id=new_id()).get(job.id)

    def test_of_one_organization_are_limited(self, database):
        for _ in range(20):
            add(database)

        with pytest.raises(ConflictError, match="too_many_jobs"):
            add(database)
        assert add(database, org_id=new_id()).status == "queued"

    def test_without_a_limit_are_neither_refused_nor_counted(self, database):
        class FreeJobs(ProbeJobs):
            is_limited = False

        for _ in range(21):
            FreeJobs(database, context(ORG)).add(new_id(), "count", {})

        assert add(database).status == "queued"

    def test_that_wait_are_cancelled_at_once(self, database, turns):
        job = add(database)

        assert jobs(database).cancel(job.id).status == "cancelled"
        assert jobs(database).cancel(job.id).status == "cancelled"
        assert turns.take(["count"]) is None

    def test_at_work_are_cancelled_behind_their_step(self, database, turns):
        job = add(database)
        turn = turns.take(["count"])
        cancelling = jobs(database).cancel(job.id)
        turns.conclude(turn, Step(cursor=1, counts={"done": 5}))
        found = turns.take(["count"])
        cancelled = jobs(database).get(job.id)

        assert cancelling.status == "cancelling"
        assert found is None
        assert (cancelled.status, cancelled.counts) == ("cancelled", {"done": 5})

    def test_that_are_done_cannot_be_cancelled(self, database, turns):
        job = add(database)
        turns.conclude(turns.take(["count"]), Step(cursor=None))

        with pytest.raises(ConflictError, match="job_finished"):
            jobs(database).cancel(job.id)


def take(turns):
    """The next turn, in a millisecond of its own: no other tells who waited longer."""
    begun = datetime.now(tz=UTC)
    until(lambda: datetime.now(tz=UTC) - begun > A_MILLISECOND, pause_s=0.001)
    return turns.take(["count"])


class TestTurns:
    def test_go_round_the_organizations(self, database, turns):
        large, small = new_id(), new_id()
        for _ in range(5):
            add(database, large)
        add(database, small)
        served = []
        for _ in range(6):
            turn = take(turns)
            served.append(turn.document["org_id"])
            turns.conclude(turn, Step(cursor=1))

        assert served.count(small) == 3

    def test_go_round_the_jobs_of_one(self, database, turns):
        added = {add(database).id for _ in range(3)}
        served = []
        for _ in range(3):
            turn = take(turns)
            served.append(turn.job_id)
            turns.conclude(turn, Step(cursor=1))

        assert set(served) == added

    def test_are_one_process_each(self, database, turns):
        add(database)

        assert turns.take(["count"]) is not None
        assert Turns(database).take(["count"]) is None

    def test_are_for_those_who_know_what_to_do(self, database, turns):
        add(database)

        assert turns.take(["another"]) is None

    def test_that_were_slept_through_store_nothing(self, database, turns):
        job = add(database)
        slept = turns.take(["count"])
        expire(database, job)
        other = Turns(database).take(["count"])
        turns.conclude(slept, Step(cursor="old", counts={"done": 1}))
        Turns(database).conclude(other, Step(cursor="new", counts={"done": 1}))
        found = jobs(database).get(job.id)

        assert (found.cursor, found.counts) == ("new", {"done": 1})

    def test_say_whether_the_step_was_begun_before(self, database, turns):
        job = add(database)
        first = turns.take(["count"]).document["attempt"]
        expire(database, job)
        second = turns.take(["count"])
        turns.conclude(second, Step(cursor=1))
        third = turns.take(["count"]).document["attempt"]

        assert (first, second.document["attempt"], third) == (1, 2, 1)

    def test_end_a_job_that_is_refused(self, database, turns):
        job = add(database)
        refusal = ConflictError("too_many_records", "Narrow the filter.")

        assert turns.put_off(turns.take(["count"]), refusal)
        found = jobs(database).get(job.id)
        assert found.status == "failed"
        assert found.error == {
            "code": "too_many_records",
            "message": "Narrow the filter.",
        }

    def test_end_a_job_that_fails_again_and_again(self, database, turns):
        job = add(database)
        for _ in RETRY_DELAYS_S:
            assert not turns.put_off(turns.take(["count"]), OSError())
            assert turns.take(["count"]) is None
            expire(database, job)

        assert turns.put_off(turns.take(["count"]), OSError())
        assert jobs(database).get(job.id).error["code"] == "job_failed"

    def test_end_a_job_that_nobody_survives(self, database, turns):
        job = add(database)
        for _ in range(len(RETRY_DELAYS_S) + 1):
            assert turns.take(["count"]) is not None
            expire(database, job)

        assert turns.take(["count"]) is None
        assert jobs(database).get(job.id).error["code"] == "job_died"

    @pytest.mark.parametrize("survives", [True, False])
    def test_of_their_own_deal_with_a_failure(self, database, survives):
        turns, job = Turns(database, {"count"}), add(database)
        for _ in range(len(RETRY_DELAYS_S) + 1):
            turn = turns.take(["count"])
            if survives:
                turns.put_off(turn, OSError())
            expire(database, job)
        if not survives:
            assert turns.take(["count"]) is None
        left = jobs(database).get(job.id)
        last = take(turns)
        turns.fail(last)
        found = jobs(database).get(job.id)

        code = "job_failed" if survives else "job_died"
        assert (left.status, left.error["code"]) == ("running", code)
        assert (last.has_failed, last.document["attempt"]) == (True, 1)
        assert (found.status, found.error["code"]) == ("failed", code)
        assert turns.take(["count"]) is None

    def test_do_not_deal_with_a_failure_for_ever(self, database):
        turns, job = Turns(database, {"count"}), add(database)
        refusal = ConflictError("too_many_records", "Narrow the filter.")
        turns.put_off(turns.take(["count"]), refusal)
        for _ in RETRY_DELAYS_S:
            turn = take(turns)
            assert not turns.put_off(turn, ConflictError("another", "Another."))
            expire(database, job)

        assert turns.put_off(turns.take(["count"]), OSError())
        found = jobs(database).get(job.id)
        assert (found.status, found.error["code"]) == ("failed", "too_many_records")


class TestJobRunner:
    def finished(self, world, job):
        def find():
            found = jobs(world.database).get(job.id)
            return found if found.is_finished else None

        return until(find)

    def test_does_step_after_step(self, world):
        (worker,) = world.start_all("events")
        job = add(world.database, steps=4)
        found = self.finished(world, job)
        worker.kill()

        assert (found.status, found.counts, found.progress) == ("done", {"steps": 4}, 1)

    def test_goes_on_where_another_was_killed(self, world):
        job = add(world.database, steps=6)
        world.order("count", f"{job.id}/3", sleep_s=30)
        (first,) = world.start_all("events")
        until(lambda: world.starts("count", f"{job.id}/3"))
        first.kill()
        world.countermand("count", f"{job.id}/3")
        (second,) = world.start_all("events")
        found = self.finished(world, job)
        second.kill()

        assert (found.status, found.counts) == ("done", {"steps": 6})
        assert world.starts("count", f"{job.id}/3") == [first.pid, second.pid]
        assert world.starts("count", f"{job.id}/2") == [first.pid]

    def test_finishes_its_step_when_it_is_asked_to_end(self, world):
        job = add(world.database, steps=3)
        world.order("count", f"{job.id}/1", sleep_s=1)
        (worker,) = world.start_all("events")
        until(lambda: world.starts("count", f"{job.id}/1"))
        worker.terminate()
        worker.exit_code()
        left = jobs(world.database).get(job.id)
        (second,) = world.start_all("events")
        self.finished(world, job)
        second.kill()

        assert (left.cursor, left.attempt) == (2, 0)
        assert world.starts("count", f"{job.id}/1") == [worker.pid]

    def test_fails_a_job_that_the_handler_refuses(self, world):
        (worker,) = world.start_all("events")
        job = add(world.database, steps=0)
        found = self.finished(world, job)
        worker.kill()

        assert (found.status, found.error["code"]) == ("failed", "nothing_to_count")
        assert world.starts("on_count_failed", f"{job.id}/nothing_to_count") == [
            worker.pid
        ]

    def test_has_a_failure_dealt_with_by_whoever_lives(self, world):
        job = add(world.database, steps=0)
        failure = f"{job.id}/nothing_to_count"
        world.order("on_count_failed", job.id, sleep_s=30)
        (first,) = world.start_all("events")
        until(lambda: world.starts("on_count_failed", failure))
        first.kill()
        left = jobs(world.database).get(job.id)
        world.countermand("on_count_failed", job.id)
        (second,) = world.start_all("events")
        found = self.finished(world, job)
        second.kill()

        assert (left.status, found.status) == ("running", "failed")
        assert world.starts("on_count_failed", failure) == [first.pid, second.pid]
