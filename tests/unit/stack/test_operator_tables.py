import base64
import json

import pika

from stack.broker import QueueDepth
from stack.dead_letter import DeadLetter
from stack.dead_letters import Listing, Outcome
from stack.operator_tables import (
    letter_as_json,
    letter_as_text,
    listing_as_json,
    listing_as_text,
    outbox_as_text,
    outcome_as_json,
    outcome_as_text,
)
from stack.outboxes import OutboxReport, ServiceOutbox

QUEUE = "evt-auth-org_registered--notify.on_org_registered"


def letter(body=b'{"event": "auth.org_registered"}', **headers):
    headers = {"x-queue": QUEUE, "x-reason": "Broken: no", **headers}
    properties = pika.BasicProperties(message_id="e1", headers=headers)
    return DeadLetter.from_message("notify", properties, body)


class TestListingAsText:
    def test_has_a_line_for_each(self):
        head, line = listing_as_text(Listing((letter(),), {})).splitlines()

        assert head.split()[:3] == ["service", "id", "died"]
        assert all(part in line for part in ("notify", "e1", QUEUE, "Broken: no"))

    def test_says_what_was_not_looked_at(self):
        text = listing_as_text(Listing((letter(),), {"sales": 7}))

        assert "7 more of sales" in text
        assert "--limit" in text

    def test_says_when_there_are_none(self):
        assert listing_as_text(Listing((), {})) == "No dead letters."

    def test_lets_no_message_drive_the_terminal(self):
        forged = letter(**{"x-reason": "\x1b[2J\r\nowned", "x-queue": "\x9b31m"})

        for text in (listing_as_text(Listing((forged,), {})), letter_as_text(forged)):
            assert not {"\x1b", "\r", "\x9b"} & set(text)

    def test_does_not_let_a_long_reason_push_the_rest_away(self):
        text = listing_as_text(Listing((letter(**{"x-reason": "x" * 500}),), {}))

        assert max(map(len, text.splitlines())) < 200


class TestLetterAsText:
    def test_lays_the_body_out(self):
        assert '    "event": "auth.org_registered"' in letter_as_text(letter())

    def test_shows_what_is_no_json_as_it_is(self):
        assert "  {broken" in letter_as_text(letter(b"{broken"))


class TestAsJson:
    def test_of_a_letter_keeps_bytes_that_are_no_text(self):
        shown = letter_as_json(letter(b"\xff\x00"))

        assert base64.b64decode(shown["body_base64"]) == b"\xff\x00"
        assert json.dumps(shown)

    def test_of_a_listing_leaves_bodies_out(self):
        (shown,) = listing_as_json(Listing((letter(),), {}))["dead_letters"]

        assert {"id", "service", "queue", "reason", "attempts"} <= shown.keys()
        assert "body" not in shown


class TestOutcome:
    def test_names_what_was_kept_and_why(self):
        outcome = Outcome("replayed", (letter(),), ((letter(), "gone"),), {})

        assert outcome_as_text(outcome).splitlines()[0] == "1 replayed."
        assert "kept  e1" in outcome_as_text(outcome)
        assert outcome_as_json(outcome)["kept"][0]["why"] == "gone"
        assert outcome_as_json(outcome)["replayed"][0]["id"] == "e1"


class TestOutboxAsText:
    def report(self, *problems):
        outbox = ServiceOutbox(
            "sales",
            has_outbox=True,
            relay="host:12:id",
            relay_epoch=3,
            queues=(QueueDepth("evt-a-b--sales.on_b", 5, 0),),
            dead_letters=0,
            problems=problems,
        )
        quiet = ServiceOutbox("notify", dead_letters=0)
        return OutboxReport((outbox, quiet), (QueueDepth("retry-1s", 2, 0),))

    def test_names_relay_queues_and_rungs(self):
        text = outbox_as_text(self.report())

        assert "host:12 " in text
        assert ["evt-a-b--sales.on_b", "5", "0"] in [
            line.split() for line in text.splitlines()
        ]
        assert "retry-1s" in text
        assert text.endswith("Nothing is stuck.")

    def test_puts_what_is_wrong_last_and_marks_it(self):
        text = outbox_as_text(self.report("no relay"))

        assert text.splitlines()[-1] == "! sales: no relay"
