"""Many writers of one record, on a real database."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest

from chassis.auth import Caller
from chassis.context import Context
from chassis.errors import ConflictError
from chassis.ids import new_id
from svc_customer import events
from svc_customer.domain.contacts import Contact
from svc_customer.repository.contacts import CONTACTS, ContactRepository

pytestmark = pytest.mark.integration

NOW = datetime.now(tz=UTC).replace(microsecond=0)
ORG = new_id()
OTHERS = 30
CALLER = Caller(
    principal_id=new_id(),
    principal_type="person",
    org_id=ORG,
    roles=(),
    team_ids=(),
    grants={"*": "all"},
    expires_at=0.0,
    token_id="t",  # noqa: S106 - a token's id is no secret
)


@pytest.fixture
def writer(service_database):
    """Another writer of the same records, in each call."""
    database = service_database(CONTACTS)[0]

    def make(within_s=60):
        context = Context(
            caller=CALLER,
            org_id=ORG,
            actor={"type": "person", "id": CALLER.principal_id},
            request_id="r",
            traceparent="",
            operation_id=new_id(),
            deadline=time.time() + within_s,
        )
        return ContactRepository(database, context)

    return make


@pytest.fixture
def contact_id(writer):
    contact = Contact(id=new_id(), last_name="Li", created_at=NOW, updated_at=NOW)
    return writer().add(contact).id


def change(repository, contact_id, **values):
    return repository.change(
        contact_id, lambda each: each.changed(values, NOW), events.contact_updated
    )


class TestManyWriters:
    def test_try_again_one_behind_the_other(self, writer, contact_id):
        together, attempts = Barrier(OTHERS), []

        def write(place):
            def changed(contact):
                attempts.append(place)
                return contact.changed({"tags": (*contact.tags, str(place))}, NOW)

            repository = writer()
            together.wait()
            repository.change(contact_id, changed, events.contact_updated)

        with ThreadPoolExecutor(OTHERS) as threads:
            list(threads.map(write, range(OTHERS)))

        assert len(writer().get(contact_id).tags) == OTHERS
        assert len(attempts) <= 2 * OTHERS

    @pytest.fixture
    def outrun(self, writer, contact_id):
        """Changes a record while others are always a little faster."""

        def run(repository, times):
            others = iter(range(times))

            def slowly(contact):
                for place in others:
                    change(writer(), contact_id, job_title=str(place))
                    break
                return contact.changed({"source": "fair"}, NOW)

            return repository.change(contact_id, slowly, events.contact_updated)

        return run

    def test_come_through_whoever_is_faster(self, writer, outrun):
        stored = outrun(writer(), OTHERS)

        assert (stored.source, stored.job_title) == ("fair", str(OTHERS - 1))
        assert stored.version == OTHERS + 2

    @pytest.mark.parametrize(("times", "within_s"), [(60, 60), (OTHERS, 0)])
    def test_give_up_in_the_end(self, writer, outrun, times, within_s):
        with pytest.raises(ConflictError, match="too_many_writers"):
            outrun(writer(within_s), times)
