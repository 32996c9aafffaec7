from datetime import UTC, date, datetime
from decimal import Decimal

from bson import Decimal128, encode

from chassis.money import Money
from chassis.repository import document_of
from svc_sales.domain.opportunities import Opportunity

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def make_opportunity(**overrides):
    values = {
        "id": "o",
        "name": "n",
        "account_id": "a",
        "contact_id": "c",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Opportunity(**{**values, **overrides})


class TestDocumentOf:
    def test_can_be_stored(self):
        opportunity = make_opportunity(
            amount=Money(Decimal("1.50"), "EUR"), close_on=date(2026, 2, 1)
        )

        document = document_of(opportunity, "EUR")

        assert encode(document)
        assert document["close_on"] == "2026-02-01"
        assert document["status"] == "open"
        assert not {"id", "version", "sequence"} & document.keys()

    def test_compares_amounts_in_the_organizations_currency_only(self):
        amount = Money(Decimal("1.50"), "EUR")

        own = document_of(make_opportunity(amount=amount), "EUR")["amount"]
        foreign = document_of(make_opportunity(amount=amount), "USD")["amount"]

        assert own["amount_base"] == Decimal128("1.50")
        assert foreign["amount_base"] is None
