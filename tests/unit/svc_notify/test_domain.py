from datetime import UTC, datetime

import pytest

from chassis.errors import ConflictError
from svc_notify import domain
from svc_notify.domain import Delivery, DeliveryStatus

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def make_delivery(**overrides):
    values = {
        "id": "d",
        "channel": "email",
        "template": "welcome",
        "recipient": "a@b.co",
        "recipient_id": "p",
        "event_id": "e",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Delivery(**{**values, **overrides})


class TestBeginSending:
    def test_counts_the_attempt(self):
        sending = domain.begin_sending(make_delivery(), NOW)

        assert (sending.status, sending.attempts) == (DeliveryStatus.SENDING, 1)

    def test_admits_not_to_know_after_a_crash(self):
        crashed = make_delivery(status=DeliveryStatus.SENDING, attempts=1)

        assert domain.begin_sending(crashed, NOW).status is DeliveryStatus.UNKNOWN

    @pytest.mark.parametrize("status", [DeliveryStatus.SENT, DeliveryStatus.UNKNOWN])
    def test_refuses_what_is_done(self, status):
        with pytest.raises(ConflictError, match="delivery_is_done"):
            domain.begin_sending(make_delivery(status=status), NOW)


class TestOutcomes:
    def test_say_what_became_of_it(self):
        sending = make_delivery(status=DeliveryStatus.SENDING)

        assert domain.sent(sending, NOW).sent_at == NOW
        assert domain.failed(sending, "no", NOW).status is DeliveryStatus.FAILED
        assert domain.put_back(sending, "later", NOW).status is DeliveryStatus.QUEUED
