from collections import Counter

from chassis.ids import is_id
from evaluation.data.customers import organizations


def contacts_of(organization, count):
    return list(organization.contacts(0, count))


class TestOrganizations:
    def test_share_nothing(self):
        found = organizations(1_000)
        people = [each for one in found for each in one.owner_ids]

        assert len({each.id for each in found}) == len(found) > 1
        assert len(set(people)) == len(people)

    def test_have_a_tenth_more_contacts_than_the_large_one(self):
        assert sum(each.contact_count for each in organizations(1_000)) == 1_100


class TestContacts:
    def test_are_the_same_for_the_same_seed(self):
        first, again = (organizations(100)[0] for _ in range(2))

        assert contacts_of(first, 100) == contacts_of(again, 100)
        assert list(first.contacts(60, 61)) == contacts_of(again, 100)[60:61]

    def test_differ_for_another_seed(self):
        first, other = (organizations(10, seed)[0] for seed in (1, 2))

        assert contacts_of(first, 10) != contacts_of(other, 10)

    def test_are_told_apart_by_ids(self):
        ids = {each.id for each in contacts_of(organizations(500)[0], 500)}

        assert len(ids) == 500
        assert all(is_id(each) for each in ids)

    def test_come_faster_and_faster(self):
        made = [each.created_at for each in contacts_of(organizations(400)[0], 400)]

        assert made == sorted(made)
        assert made[200] - made[0] > made[399] - made[200]

    def test_belong_to_a_few_above_all(self):
        found = contacts_of(organizations(2_000)[0], 2_000)
        owned = Counter(each.owner_id for each in found)

        assert owned[None] > 0
        assert max(owned.values()) > 10 * sorted(owned.values())[len(owned) // 2]

    def test_work_for_accounts_that_there_are(self):
        organization = organizations(500)[0]
        accounts = {
            each.id for each in organization.accounts(0, organization.account_count)
        }
        employers = {each.account_id for each in contacts_of(organization, 500)}

        assert None in employers
        assert employers - {None} <= accounts
