from collections import Counter

from chassis.ids import is_id
from evaluation.data.customers import DATA_END, organizations
from evaluation.data.interactions import LONGEST, busiest_contact, interactions_of

LARGE = organizations(20_000)[0]


class TestInteractions:
    def test_are_the_same_for_the_same_seed(self):
        first, again = (organizations(60)[0] for _ in range(2))
        whole = list(interactions_of(first, 0, 20))

        assert whole == list(interactions_of(again, 0, 20))
        assert whole == [
            each
            for start in (0, 10)
            for each in interactions_of(first, start, start + 10)
        ]

    def test_are_about_five_for_each_contact(self):
        found = list(interactions_of(LARGE, 0, 2_000))
        by_contact = Counter(each.contact_id for each in found)

        assert 4.5 < len(found) / 2_000 < 5.5
        assert len(by_contact) < 2_000
        assert max(by_contact.values()) > 20

    def test_are_told_apart_by_ids(self):
        ids = [each.id for each in interactions_of(LARGE, 0, 500)]

        assert len(set(ids)) == len(ids)
        assert all(is_id(each) for each in ids)

    def test_happened_between_the_making_of_the_contact_and_the_end(self):
        (contact,) = LARGE.contacts(7, 8)

        for each in interactions_of(LARGE, 7, 8):
            assert contact.created_at <= each.occurred_at <= DATA_END

    def test_make_one_timeline_long(self):
        number = busiest_contact(LARGE)

        assert sum(1 for _ in interactions_of(LARGE, number, number + 1)) == LONGEST

    def test_have_amounts_where_something_was_bought(self):
        found = list(interactions_of(LARGE, 0, 300))

        assert any(each.type == "purchase" for each in found)
        assert all((each.amount is None) != (each.type == "purchase") for each in found)
