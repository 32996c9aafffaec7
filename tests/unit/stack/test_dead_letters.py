import hashlib
import json
from datetime import UTC, datetime

import pika
import pytest

from stack.dead_letter import DeadLetter
from stack.dead_letters import Selection
from stack.errors import StackError

EVENT = {
    "event": "auth.org_registered",
    "org_id": "o1",
    "aggregate": {"type": "org", "id": "a1"},
}
QUEUE = "evt-auth-org_registered--notify.on_org_registered"


def letter(body=None, service="notify", message_id="e1", **headers):
    properties = pika.BasicProperties(
        message_id=message_id,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    text = json.dumps(EVENT).encode() if body is None else body
    return DeadLetter.from_message(service, properties, text)


class TestFromMessage:
    def test_reads_what_a_handler_wrote(self):
        found = letter(x_queue=QUEUE, x_reason="Broken: no", x_attempt=6, x_at=86_400)

        assert (found.id, found.queue, found.attempts) == ("e1", QUEUE, 6)
        assert found.reason == "Broken: no"
        assert found.dead_at == datetime(1970, 1, 2, tzinfo=UTC)
        assert (found.event, found.org_id) == ("auth.org_registered", "o1")
        assert found.aggregate == "org a1"

    def test_believes_the_broker_rather_than_an_earlier_attempt(self):
        death = {
            "queue": QUEUE,
            "reason": "delivery_limit",
            "time": datetime(2026, 1, 1),  # noqa: DTZ001 - as pika gives it
        }
        expiry = {"queue": "retry-1s", "reason": "expired"}
        found = letter(
            x_death=[death, expiry],
            x_first_death_queue="retry-1s",
            x_reason="Broken: before",
            x_attempt=1,
        )

        assert found.queue == QUEUE
        assert found.reason.startswith("delivery_limit")
        assert "Broken: before" in found.reason
        assert found.dead_at == datetime(2026, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'"x"', b'{"event": 1}'])
    def test_names_what_has_no_id_after_its_body(self, body):
        found = letter(body, message_id=None)

        assert found.id == f"body-{hashlib.sha256(body).hexdigest()[:16]}"
        assert (found.event, found.org_id, found.aggregate) == (None, None, None)

    @pytest.mark.parametrize(
        "headers",
        [
            {"x_at": 2**62, "x_attempt": "many", "x_reason": 3, "x_queue": []},
            {"x_death": "none"},
            {"x_death": [3]},
            {"x_death": []},
        ],
    )
    def test_survives_headers_of_any_kind(self, headers):
        found = letter(**headers)

        assert (found.queue, found.dead_at, found.attempts) == (None, None, 0)
        assert found.reason


class TestAgeKey:
    def test_orders_by_death_then_as_the_record_changed(self):
        late = letter(x_at=20, message_id="a")
        second = letter(b'{"sequence": 2}', x_at=10, message_id="a")
        first = letter(b'{"sequence": 1}', x_at=10, message_id="z")
        timeless = letter()

        letters = sorted([late, second, first, timeless], key=lambda each: each.age_key)
        assert letters == [timeless, first, second, late]


class TestWhyNotReplayable:
    @pytest.mark.parametrize(
        ("service", "queue"), [("notify", QUEUE), ("analytics", "feed-analytics")]
    )
    def test_is_nothing_for_a_handler_of_the_service(self, service, queue):
        assert letter(service=service, x_queue=queue).why_not_replayable() is None

    @pytest.mark.parametrize(
        "queue",
        ["rpc-auth", "feed-analytics", "evt-auth-x--sales.on_x", "dead-letters-notify"],
    )
    def test_refuses_what_a_forged_header_asks_for(self, queue):
        assert queue in letter(x_queue=queue).why_not_replayable()

    def test_says_when_there_is_no_queue(self):
        assert "does not say" in letter().why_not_replayable()


class TestSelection:
    def test_means_everything_unless_told_otherwise(self):
        assert Selection().means(letter())

    def test_wants_all_of_its_conditions(self):
        found = letter(x_queue=QUEUE)

        assert Selection(ids=("e1", "e2"), queue=QUEUE).means(found)
        assert not Selection(ids=("e2",), queue=QUEUE).means(found)
        assert not Selection(ids=("e1",), queue="other").means(found)

    def test_knows_the_services(self):
        with pytest.raises(StackError, match="no service bogus"):
            _ = Selection(service="bogus").services
