import json
from datetime import UTC, datetime

from svc_customer import events
from svc_customer.domain.contacts import EmailAddress, new_contact
from svc_customer.domain.interactions import new_interaction
from svc_customer.domain.segments import new_segment

NOW = datetime(2026, 1, 31, tzinfo=UTC)
NAME = "Lovelace"


class TestEvents:
    def test_of_contacts_publish_nothing_personal(self):
        emails = (EmailAddress(address=f"{NAME}@b.co", is_primary=True),)
        contact = new_contact("c", {"last_name": NAME, "emails": emails}, None, NOW)

        event = events.contact_created(contact)

        assert NAME not in json.dumps(dict(event.data))
        assert {n for n, v in event.changes.items() if NAME in json.dumps(v)} <= (
            event.personal
        )

    def test_tell_nothing_of_what_is_counted_elsewhere(self):
        data = {"last_name": NAME, "interaction_count": 3}
        event = events.contact_created(new_contact("c", data, None, NOW))

        assert "interaction_count" not in event.changes

    def test_tell_nothing_of_how_segments_are_evaluated(self):
        data = {"resource": "contacts", "kind": "dynamic", "name": "Buyers"}
        made = new_segment("s", data, None, NOW)
        built = made.completed(1, NOW)

        assert built.built == 1
        assert {"build", "built"}.isdisjoint(events.segment_created(made).changes)
        assert events.segment_built(made, built).changes == {}
        assert events.segment_updated(built, built.rebuilt(NOW)).changes == {}

    def test_of_interactions_publish_nothing_personal(self):
        data = {"type": "note", "contact_id": "c", "subject": NAME, "body": NAME}
        event = events.interaction_recorded(new_interaction("i", data, None, NOW))

        assert NAME not in json.dumps(dict(event.data))
        assert {"subject", "body"} <= event.personal
