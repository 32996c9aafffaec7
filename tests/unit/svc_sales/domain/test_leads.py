from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import ConflictError
from svc_sales.domain import leads as rules
from svc_sales.domain.leads import Conversion, Lead, LeadStatus

NOW = datetime(2026, 1, 31, tzinfo=UTC)
CONVERSION = Conversion(
    account_id="a",
    contact_id="c",
    opportunity_id="o",
    is_new_account=True,
    is_new_contact=True,
    opportunity_name="n",
    amount=None,
    close_on=None,
)


def make_lead(**overrides):
    values = {"id": "l", "company": "Foo", "created_at": NOW, "updated_at": NOW}
    return Lead(**{**values, **overrides})


class TestQualify:
    @pytest.mark.parametrize("status", [LeadStatus.NEW, LeadStatus.WORKING])
    def test_takes_an_open_lead(self, status):
        assert rules.qualify(make_lead(status=status), NOW).status == "qualified"

    def test_does_nothing_the_second_time(self):
        lead = make_lead(status=LeadStatus.QUALIFIED)

        assert rules.qualify(lead, NOW) is lead

    @pytest.mark.parametrize(
        "status",
        [LeadStatus.CONVERTING, LeadStatus.CONVERTED, LeadStatus.UNQUALIFIED],
    )
    def test_refuses_all_others(self, status):
        lead = make_lead(status=status)

        if status is LeadStatus.CONVERTING:
            assert rules.back_out(lead, NOW).status is LeadStatus.QUALIFIED
        else:
            with pytest.raises(ConflictError, match="lead_status_not_allowed"):
                rules.qualify(lead, NOW)


class TestConversion:
    @pytest.mark.parametrize(
        "status", [s for s in LeadStatus if s is not LeadStatus.QUALIFIED]
    )
    def test_begins_with_a_qualified_lead_only(self, status):
        with pytest.raises(ConflictError, match="lead_not_qualified"):
            rules.begin_conversion(make_lead(status=status), CONVERSION, NOW)

    def test_keeps_what_the_lead_becomes(self):
        lead = make_lead(status=LeadStatus.QUALIFIED)
        marked = rules.begin_conversion(lead, CONVERSION, NOW)
        done = rules.finish_conversion(marked, NOW)

        assert (marked.status, done.status) == ("converting", "converted")
        assert done.conversion == CONVERSION

    def test_leaves_the_lead_as_it_was_when_refused(self):
        lead = make_lead(status=LeadStatus.QUALIFIED)
        marked = rules.begin_conversion(lead, CONVERSION, NOW)
        back = rules.back_out(marked, NOW)

        assert (back.status, back.conversion) == (LeadStatus.QUALIFIED, None)


class TestChange:
    def test_that_changes_nothing_is_none(self):
        lead = make_lead()

        assert rules.change(lead, {"company": "Foo"}, NOW) is lead

    def test_is_refused_while_converting(self):
        lead = make_lead(status=LeadStatus.CONVERTING)

        with pytest.raises(ConflictError, match="lead_is_converting"):
            rules.change(lead, {"company": "Bar"}, NOW)
        with pytest.raises(ConflictError, match="lead_is_converting"):
            rules.archive(lead, NOW)

    def test_is_later_than_the_last_one_even_if_the_clock_went_back(self):
        changed = rules.change(make_lead(), {"company": "B"}, NOW - timedelta(days=1))

        assert changed.updated_at == NOW + timedelta(milliseconds=1)
