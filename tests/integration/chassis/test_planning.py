"""Whatever index a page is looked for in, it has the same rows.

Random contacts with few values each, so that filters find some, many or none;
what a list answers is compared with what Python makes of the same records.
"""

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from chassis.context import operator_context
from chassis.ids import new_id
from chassis.planning import FEW
from svc_customer.domain.contacts import Contact
from svc_customer.domain.lifecycle import LIFECYCLE_STAGES
from svc_customer.repository.contacts import ContactRepository

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("vault")]

COUNT = 600
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = ("Ada", "ada", "Bö", "bo", "Çelik", "Zoe", None)
SOURCES = ("web", "fair", "mail", None)
TAGS = ("vip", "trial", "demo")
OWNERS = [new_id() for _ in range(3)]
FILTERS = {
    "source": ("web", lambda c: c.source == "web"),
    "source][exists": ("false", lambda c: c.source is None),
    "lifecycle_stage": ("customer", lambda c: c.lifecycle_stage == "customer"),
    "lifecycle_stage][in": (
        "lead,other",
        lambda c: c.lifecycle_stage in {"lead", "other"},
    ),
    "tags": ("vip", lambda c: "vip" in c.tags),
    "owner_id": (OWNERS[0], lambda c: c.owner_id == OWNERS[0]),
    "do_not_contact": ("true", lambda c: c.do_not_contact),
    "last_name][starts_with": (
        "b",
        lambda c: (c.last_name or "").casefold().startswith("b"),
    ),
    "created_at][gte": (
        "2024-02-01",
        lambda c: c.created_at >= datetime(2024, 2, 1, tzinfo=UTC),
    ),
    "created_at][lt": (
        "2024-03-01",
        lambda c: c.created_at < datetime(2024, 3, 1, tzinfo=UTC),
    ),
}
SORTS = {
    "-created_at": (lambda c: (c.created_at, c.id), True),
    "updated_at": (lambda c: (c.updated_at, c.id), False),
    "-updated_at": (lambda c: (c.updated_at, c.id), True),
}


def contact(chance, number):
    made_at = BEGAN + timedelta(hours=number * 5 // 2)
    return Contact(
        id=new_id(),
        last_name=chance.choice(NAMES) or "x",
        source=chance.choice(SOURCES),
        lifecycle_stage=chance.choice(LIFECYCLE_STAGES),
        tags=tuple(chance.sample(TAGS, chance.randrange(3))),
        owner_id=chance.choice(OWNERS),
        do_not_contact=chance.random() < 0.03,
        created_at=made_at,
        updated_at=made_at + timedelta(hours=chance.randrange(5_000)),
        archived_at=made_at if chance.random() < 0.1 else None,
    )


@pytest.fixture(scope="module")
def contacts():
    chance = random.Random(7)  # noqa: S311 - no secret
    return [contact(chance, number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def repository(customers, contacts):
    rows = ContactRepository(customers, operator_context(new_id()))
    rows.add_all([(each, None, None) for each in contacts])
    return rows


def pages(repository, parameters):
    """The ids of all pages, one after another."""
    found, cursor = [], {}
    while True:
        page = repository.page({**parameters, **cursor, "limit": "17"}, ())
        found += [each.id for each in page.items]
        if page.next_cursor is None:
            return found
        cursor = {"cursor": page.next_cursor}


@pytest.mark.parametrize("few", [5, 100, FEW])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_have_the_rows_in_order(repository, contacts, monkeypatch, sort, few):
    monkeypatch.setattr("chassis.planning.FEW", few)
    monkeypatch.setattr("chassis.planning._REMEMBERED_S", 0.0)
    key, is_falling = SORTS[sort]
    for names in itertools.combinations(FILTERS, 2):
        asked = [FILTERS[name] for name in names]
        wanted = [
            each
            for each in contacts
            if each.archived_at is None and all(fits(each) for _, fits in asked)
        ]
        wanted.sort(key=key, reverse=is_falling)
        parameters = {
            f"filter[{name}]": text
            for name, (text, _) in zip(names, asked, strict=True)
        }

        found = pages(repository, {**parameters, "sort": sort})

        assert found == [each.id for each in wanted], (names, sort)


def test_a_filter_that_finds_more_by_now_is_counted_again(repository, monkeypatch):
    monkeypatch.setattr("chassis.planning._REMEMBERED_S", 0.0)
    parameters = {"filter[source]": "new", "filter[do_not_contact]": "false"}
    before = pages(repository, parameters)
    made = contact(random.Random(8), COUNT)  # noqa: S311 - no secret
    changed = {"source": "new", "do_not_contact": False, "archived_at": None}
    repository.add_all(
        [(Contact(**{**vars(made), **changed, "id": new_id()}), None, None)] * 1
    )

    assert before == []
    assert len(pages(repository, parameters)) == 1
