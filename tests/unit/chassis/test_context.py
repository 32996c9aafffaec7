"""The context of one worker."""

import pytest

from chassis.context import operator_context, service_context


class TestInOrg:
    def test_works_elsewhere_and_comes_back(self):
        context = operator_context("here")
        with context.in_org("there"):
            assert context.org_id == "there"

        assert context.org_id == "here"

    def test_comes_back_from_what_fails(self):
        """A transaction that is run again begins where it began."""
        context = operator_context("here")
        with pytest.raises(ValueError, match="conflict"), context.in_org("there"):
            raise ValueError("conflict")

        assert context.org_id == "here"


class TestAsStep:
    def test_is_part_of_what_records_remember(self):
        context = operator_context("here")
        with context.as_step("end"):
            assert context.step_id == f"{context.operation_id}/end"

        assert context.step_id == context.operation_id


class TestOccasion:
    def test_is_part_of_what_records_remember(self):
        context = operator_context("here")
        context.occasion = "first"
        with context.as_step("end"):
            assert context.step_id == f"{context.operation_id}/first/end"

        assert context.step_id == f"{context.operation_id}/first"


class TestCausedBy:
    def test_acts_for_whom_the_event_names_and_for_the_same_organization(self):
        ada = {"type": "person", "id": "ada"}
        event = {"actor": ada, "request_id": "r", "traceparent": "t", "org_id": "there"}
        context = service_context("customer", 1)
        context.org_id = "here"
        caused = context.caused_by(event)

        assert (caused.actor, caused.request_id, caused.traceparent) == (ada, "r", "t")
        assert caused.org_id == "here"
        assert context.actor == {"type": "service", "id": "service:customer"}


class TestOfService:
    def test_is_nobody_elses_doing(self):
        context = operator_context("here")
        own = context.of_service("customer")

        assert own.actor == {"type": "service", "id": "service:customer"}
        assert own.request_id != context.request_id
        assert own.org_id == "here"
