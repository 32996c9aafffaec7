"""Each promise broken once: a check that finds nothing then would be worthless."""

import dataclasses

import pytest

from evaluation.chaos.ledger import (
    Delivery,
    Found,
    Row,
    compare,
    describe,
    expected_events,
)
from evaluation.chaos.writes import Answer, Operation, Outcome, Write

CREATED = Answer("201", "", 0.1, "r1", document={"id": "c1"})


def write(operation, marker, result=None, **more):
    given = {"key": marker, "outcome": Outcome.MADE, "answers": [CREATED], **more}
    return Write(
        operation=operation,
        marker=marker,
        result={"id": "?", **(result or {})},
        **given,
    )


def book():
    """One write of each operation, all of them made."""
    ids = {"account_id": "a2", "contact_id": "c2", "opportunity_id": "o1"}
    return {
        "contact": write(Operation.CREATE_CONTACT, "n1", {"id": "c1"}),
        "account": write(Operation.CREATE_ACCOUNT, "n2", {"id": "a1"}),
        "purchase": write(Operation.CREATE_INTERACTION, "n3", {"id": "i1"}),
        "change": write(Operation.UPDATE_CONTACT, "n4", record_id="c1"),
        "lead": write(Operation.CREATE_LEAD, "n5", {"id": "l1"}),
        "qualify": write(Operation.QUALIFY_LEAD, "n5", key="n5q", record_id="l1"),
        "convert": write(Operation.CONVERT_LEAD, "n5", ids, key="n5c", record_id="l1"),
        "org": write(Operation.REGISTER_ORG, "n6"),
    }


def found(**other):
    """What there is after those writes if nothing went wrong."""
    right = {
        "records": {
            "contacts": [Row("c1", "n1", 2, "n4"), Row("c2", "n5")],
            "accounts": [Row("a1", "n2"), Row("a2", "n5")],
            "interactions": [Row("i1", "n3")],
            "leads": [Row("l1", "n5", 4, "converted")],
            "opportunities": [Row("o1", "n5")],
        },
        "totals": {
            "auth.org_registered": 1,
            "auth.member_joined": 1,
            "auth.session_started": 1,
            "customer.account_created": 2,
            "customer.contact_created": 2,
            "customer.contact_updated": 1,
            "customer.interaction_recorded": 3,
            "sales.lead_created": 1,
            "sales.lead_qualified": 1,
            "sales.lead_converted": 1,
            "sales.opportunity_created": 1,
        },
        "deliveries": {"n6": [Delivery("welcome", "sent")]},
        "registrations": {"n6": 1},
        "mails": {"n6": 1},
    }
    return Found(**{**right, **other})


def with_records(**other):
    return found(records={**found().records, **other})


def with_total(name, count):
    return found(totals={**found().totals, name: count})


def kinds(writes, there):
    return [each.kind for each in compare(writes.values(), there)]


class TestCompare:
    def test_finds_nothing_where_all_is_well(self):
        assert compare(book().values(), found()) == []

    @pytest.mark.parametrize(
        ("there", "kind", "subject"),
        [
            (with_records(interactions=[]), "lost", "n3"),
            (with_records(interactions=[Row("i2", "n3")]), "lost", "n3"),
            (
                with_records(interactions=[Row("i1", "n3"), Row("i2", "n3")]),
                "doubled",
                "n3",
            ),
            (
                with_records(interactions=[Row("i1", "n3"), Row("i2", "n9")]),
                "doubled",
                "n9",
            ),
            (with_records(opportunities=[]), "lost", "n5c"),
            (
                with_records(opportunities=[Row("o1", "n5"), Row("o2", "n5")]),
                "doubled",
                "n5c",
            ),
            (
                with_records(
                    accounts=[Row("a1", "n2"), Row("a2", "n5"), Row("a3", "n5")]
                ),
                "doubled",
                "n5c",
            ),
            (
                with_records(contacts=[Row("c1", "n1", 1, "n4"), Row("c2", "n5")]),
                "lost",
                "n1",
            ),
            (
                with_records(contacts=[Row("c1", "n1", 3, "n4"), Row("c2", "n5")]),
                "doubled",
                "n1",
            ),
            (
                with_records(contacts=[Row("c1", "n1", 2, "old"), Row("c2", "n5")]),
                "lost",
                "n4",
            ),
            (with_records(leads=[Row("l1", "n5", 3, "converting")]), "lost", "n5c"),
            (
                with_total("customer.contact_created", 1),
                "event missing",
                "customer.contact_created",
            ),
            (
                with_total("sales.lead_converted", 2),
                "event doubled",
                "sales.lead_converted",
            ),
            (
                with_total("sales.lead_archived", 1),
                "event doubled",
                "sales.lead_archived",
            ),
            (found(registrations={}), "event missing", "n6"),
            (found(registrations={"n6": 2}), "event doubled", "n6"),
            (found(deliveries={}), "delivery", "n6"),
            (
                found(deliveries={"n6": [Delivery("welcome", "sent")] * 2}),
                "delivery",
                "n6",
            ),
            (
                found(deliveries={"n6": [Delivery("welcome", "failed")]}),
                "delivery",
                "n6",
            ),
            (found(mails={"n6": 2}), "delivery", "n6"),
            (found(mails={}), "delivery", "n6"),
            (found(dead_letters=["1 of notify"]), "dead letter", "1 of notify"),
            (found(unsettled=["outbox of sales"]), "unsettled", "outbox of sales"),
            (
                found(not_back=["rabbitmq is backoff"]),
                "not back",
                "rabbitmq is backoff",
            ),
            (found(log_breaks=["auth: row 3"]), "log broken", "auth: row 3"),
        ],
    )
    def test_finds_what_is_there_wrongly(self, there, kind, subject):
        violations = compare(book().values(), there)

        assert [(each.kind, each.subject) for each in violations] == [(kind, subject)]

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (Answer("silent", "", 9.1, ""), "slow"),
            (Answer("201", "", 8.1, ""), "slow"),
            (Answer("500", "internal_error", 0.1, "r"), "internal error"),
        ],
    )
    def test_finds_an_answer_that_must_not_be(self, answer, kind):
        writes = book()
        writes["contact"].answers.insert(0, answer)

        assert kinds(writes, found()) == [kind]

    def test_lets_a_conversion_take_its_longer_deadline(self):
        writes = book()
        writes["convert"].answers.append(Answer("200", "", 12.9, ""))

        assert kinds(writes, found()) == []

    @pytest.mark.parametrize(
        ("outcome", "kind"), [(Outcome.STUCK, "stuck"), (Outcome.PENDING, "stuck")]
    )
    @pytest.mark.parametrize("is_there", [True, False])
    def test_finds_a_write_that_was_never_answered(self, outcome, kind, is_there):
        writes = book()
        writes["purchase"].outcome = outcome
        there = found() if is_there else with_records(interactions=[])
        if outcome is Outcome.PENDING or not is_there:
            totals = {**there.totals, "customer.interaction_recorded": 2}
            there = dataclasses.replace(there, totals=totals)

        assert kinds(writes, there) == [kind]

    def test_finds_a_refusal_and_what_it_left_all_the_same(self):
        writes = book()
        writes["purchase"].outcome = Outcome.REFUSED

        assert kinds(writes, found()) == ["refused", "doubled", "event doubled"]

    @pytest.mark.parametrize(
        ("again", "wanted"),
        [
            (Answer("201", "", 0, "", is_replayed=True, document={"id": "c1"}), []),
            (Answer("201", "", 0, "", document={"id": "c1"}), ["not replayed"]),
            (
                Answer("201", "", 0, "", is_replayed=True, document={"id": "c9"}),
                ["doubled"],
            ),
            (Answer("503", "", 0, ""), ["not replayed"]),
        ],
    )
    def test_expects_the_first_answer_again(self, again, wanted):
        writes = book()
        writes["contact"].repetition = again

        assert kinds(writes, found()) == wanted

    def test_expects_no_last_word_of_a_shared_record(self):
        writes = book()
        writes["change"].is_shared = True
        contacts = [Row("c1", "n1", 2, "another's"), Row("c2", "n5")]

        assert kinds(writes, with_records(contacts=contacts)) == []

    def test_accepts_that_a_sender_died_and_says_so(self):
        deliveries = {"n6": [Delivery("welcome", "unknown")]}

        for mails in ({}, {"n6": 1}):
            assert kinds(book(), found(deliveries=deliveries, mails=mails)) == []


class TestExpectedEvents:
    def test_leaves_open_whether_a_stuck_write_was_carried_out(self):
        writes = book()
        writes["contact"].outcome = Outcome.STUCK
        expected = expected_events(writes.values())

        assert expected["customer.contact_created"] == (1, 2)
        assert expected["sales.lead_created"] == (1, 1)


class TestDescribe:
    def test_says_what_to_look_for(self):
        (violation,) = compare(book().values(), with_records(interactions=[]))

        assert describe(violation) == (
            "lost: n3 create_interaction: interactions: i1 is not among []"
        )
