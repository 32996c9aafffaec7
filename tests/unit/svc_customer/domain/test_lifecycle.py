from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import ConflictError
from svc_customer.domain.accounts import new_account
from svc_customer.domain.contacts import (
    change_contact,
    new_contact,
    put_contact_back,
)
from svc_customer.domain.lifecycle import LIFECYCLE_STAGES, check_move

NOW = datetime(2026, 1, 31, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
FORWARD = [
    (stage, target)
    for place, stage in enumerate(LIFECYCLE_STAGES)
    for target in LIFECYCLE_STAGES[place + 1 :]
]
BACK = [
    ("lead", "subscriber"),
    ("sales_qualified_lead", "lead"),
    ("opportunity", "sales_qualified_lead"),
    ("evangelist", "customer"),
    ("other", "subscriber"),
    ("other", "customer"),
]

STILL = [("customer", "customer"), ("lead", None)]


def contact_in(stage):
    data = {"last_name": "Li", "lifecycle_stage": stage}
    return new_contact("c", data, None, NOW)


class TestCheckMove:
    @pytest.mark.parametrize(("stage", "target"), FORWARD + BACK + STILL)
    def test_lets_through(self, stage, target):
        check_move(stage, target)

    @pytest.mark.parametrize(
        ("stage", "target"),
        [
            ("customer", "lead"),
            ("customer", "opportunity"),
            ("evangelist", "lead"),
            ("opportunity", "subscriber"),
            ("sales_qualified_lead", "subscriber"),
        ],
    )
    def test_refuses_and_names_both(self, stage, target):
        with pytest.raises(ConflictError, match="lifecycle_transition_refused") as told:
            check_move(stage, target)

        assert stage in told.value.message
        assert target in told.value.message


class TestRecords:
    def test_begin_in_whatever_stage(self):
        account = new_account(
            "a", {"name": "x", "lifecycle_stage": "customer"}, None, NOW
        )

        entries = [(each.stage, each.entered_at) for each in account.lifecycle_history]
        assert entries == [("customer", NOW)]
        assert account.lifecycle_stage_changed_at == NOW

    def test_remember_when_they_moved(self):
        patch = {"lifecycle_stage": "customer", "job_title": "x"}
        changed = change_contact(contact_in("lead"), patch, LATER)

        assert [each.stage for each in changed.lifecycle_history] == [
            "lead",
            "customer",
        ]
        assert changed.lifecycle_stage_changed_at == LATER

    def test_remember_nothing_of_other_changes(self):
        contact = contact_in("lead")
        patch = {"lifecycle_stage": "lead", "job_title": "x"}

        changed = change_contact(contact, patch, LATER)
        assert changed.lifecycle_history == contact.lifecycle_history

    def test_do_not_move_where_there_is_no_way(self):
        with pytest.raises(ConflictError, match="lifecycle_transition_refused"):
            change_contact(contact_in("customer"), {"lifecycle_stage": "lead"}, LATER)

    def test_are_put_back_to_where_they_were(self):
        slipped = change_contact(
            contact_in("lead"), {"lifecycle_stage": "customer"}, LATER
        )
        back = put_contact_back(slipped, {"lifecycle_stage": "lead"}, LATER)

        stages = [each.stage for each in back.lifecycle_history]
        assert stages == ["lead", "customer", "lead"]

    def test_remember_the_latest_hundred_stages(self):
        contact = contact_in("lead")
        for number in range(120):
            stage = ("other", "lead")[number % 2]
            contact = change_contact(contact, {"lifecycle_stage": stage}, LATER)

        assert len(contact.lifecycle_history) == 100
        assert contact.lifecycle_history[-1].stage == "lead"
