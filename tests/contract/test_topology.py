"""The broker as code: what is written down, and what RabbitMQ 4.x refuses."""

import ast
import json
import re
from pathlib import Path

import pytest
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR

from chassis.handling import EventHandler
from chassis.roles import service_class
from chassis.topology import (
    dead_letter_queue,
    is_reply_key,
    private_queue,
    reply_key_prefix,
    retry_exchange,
)
from stack.principals import SERVICES
from stack.topology import definitions

ROOT = Path(__file__).parents[2]
QUEUES = {queue["name"]: queue for queue in definitions()["queues"]}
UUID = "01a207cb-a158-7c5e-b478-fdd8d973fa46"
REFUSED_BY_4 = {"x-queue-mode", "x-queue-version", "x-max-priority"}


class TestDefinitions:
    def test_are_written_down_as_the_handlers_say(self):
        written = json.loads((ROOT / "rabbitmq/definitions.json").read_text())

        assert definitions() == written

    def test_hold_no_users(self):
        assert "users" not in definitions()

    def test_name_these_queues_and_no_others(self):
        rungs = {f"retry-{delay_s}s" for delay_s in (1, 5, 30, 300, 1800)}
        expected = rungs | {
            "feed-analytics",
            "feed-customer",
            "evt-auth-challenge_issued--notify.on_challenge_issued",
            "evt-auth-org_registered--notify.on_org_registered",
            "evt-sales-lead_converted--customer.on_lead_converted",
            "evt-sales-opportunity_created--customer.on_opportunity_created",
            *(f"rpc-{service}" for service in SERVICES),
            *(f"dead-letters-{service}" for service in SERVICES),
        }

        assert expected == set(QUEUES)


class TestQueues:
    @pytest.mark.parametrize("name", QUEUES)
    def test_have_nothing_that_rabbitmq_4_refuses(self, name):
        queue = QUEUES[name]

        assert queue["durable"]
        assert not queue["auto_delete"]
        assert REFUSED_BY_4.isdisjoint(queue["arguments"])

    @pytest.mark.parametrize("name", [n for n in QUEUES if not n.startswith("rpc-")])
    def test_of_events_are_replicated(self, name):
        assert QUEUES[name]["arguments"]["x-queue-type"] == "quorum"

    @pytest.mark.parametrize(
        "name", [n for n in QUEUES if n.startswith(("evt-", "feed-"))]
    )
    def test_of_handlers_say_what_becomes_of_a_crash_loop(self, name):
        arguments = QUEUES[name]["arguments"]

        assert arguments["x-delivery-limit"] >= 50
        assert arguments["x-dead-letter-exchange"] == "dead-letters"
        assert arguments["x-dead-letter-routing-key"] in SERVICES

    @pytest.mark.parametrize("service", SERVICES)
    def test_of_dead_letters_drop_nothing_however_often_it_is_looked_at(self, service):
        arguments = QUEUES[dead_letter_queue(service)]["arguments"]

        # -1 means "no limit" to RabbitMQ 4.x and "none at all" to 3.10.
        assert arguments["x-delivery-limit"] >= 2**31 - 1
        assert not arguments.keys() & {"x-message-ttl", "x-max-length", "x-expires"}

    def test_policies_mirror_nothing(self):
        keys = {key for each in definitions()["policies"] for key in each["definition"]}

        assert not [key for key in keys if key.startswith("ha-")]


class TestPrivateQueues:
    """What processes make for themselves: gone with them, or not made at all."""

    def calls(self, name):
        for path in sorted((ROOT / "chassis").glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                function = getattr(node, "func", None)
                if name in {getattr(function, "attr", ""), getattr(function, "id", "")}:
                    yield {each.arg: each.value for each in node.keywords}

    def test_of_the_gateway_are_exclusive(self):
        found = [e for e in self.calls("queue_declare") if "passive" not in e]

        assert found
        assert all(each["exclusive"].value for each in found)
        assert all(each["auto_delete"].value for each in found)

    def test_of_services_are_exclusive(self):
        made = [each for each in self.calls("Queue") if "no_declare" not in each]

        assert made
        assert all(each["exclusive"].value for each in made)
        assert not any(each["durable"].value for each in made)


class TestRights:
    @pytest.mark.parametrize("user", SERVICES)
    def test_of_a_service_declare_private_queues_only(self, user):
        (right,) = [r for r in definitions()["permissions"] if r["user"] == user]

        assert re.fullmatch(right["configure"], private_queue(user, "x"))
        assert not re.fullmatch(right["configure"], f"rpc-{user}")
        assert not re.fullmatch(right["write"], "amq.default")

    @pytest.mark.parametrize("user", SERVICES)
    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            (UUID, True),
            (f"reply.gateway.{UUID}", True),
            (f"reply.gateway.{UUID}.x", False),
            ("auth.login", False),
            ("amq.rabbitmq.reply-to.g1h2", False),
            ("nobody", False),
        ],
    )
    def test_let_a_service_answer_where_it_will_try(self, user, key, expected):
        rights = definitions()["topic_permissions"]
        (right,) = [r for r in rights if r["user"] == user]

        assert bool(re.search(right["write"], key)) is expected
        assert is_reply_key(key) is expected

    @pytest.mark.parametrize("user", [*SERVICES, "gateway"])
    def test_let_nobody_hear_what_is_not_theirs(self, user):
        rights = definitions()["topic_permissions"]
        (right,) = [r for r in rights if r["user"] == user]

        assert not re.search(right["read"], "#")
        assert not re.search(right["read"], "*.*")
        assert not re.search(right["read"], f"{reply_key_prefix('operator')}x")
        assert not re.search(right["write"], "auth.register_org") or user == "gateway"


class TestRungs:
    @pytest.mark.parametrize("service", SERVICES)
    def test_are_declared_for_every_handler_that_climbs_them(self, service):
        handlers = service_class(f"svc_{service}", "events")
        used = {
            retry_exchange(delay_s)
            for function in vars(handlers).values()
            for entrypoint in getattr(function, ENTRYPOINT_EXTENSIONS_ATTR, ())
            for delay_s in getattr(entrypoint, "delays_s", ())
        }

        assert used <= QUEUES.keys()
        assert used <= {exchange["name"] for exchange in definitions()["exchanges"]}

    @pytest.mark.parametrize(
        "delays_s", [(0,), (-1, 5), (86_401,), tuple(range(1, 22))]
    )
    def test_are_refused_where_they_make_no_sense(self, delays_s):
        with pytest.raises(ValueError, match="delays_s"):
            EventHandler("auth", "org_registered", delays_s=delays_s)

    def test_may_be_none(self):
        assert EventHandler("auth", "org_registered", delays_s=()).delays_s == ()
