"""The context of one worker."""

import pytest

from chassis.context import operator_context


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
