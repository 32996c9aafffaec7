import pytest

from chassis.directory import MOST_ASKED, Directory, named_ids
from chassis.errors import UnavailableError
from chassis.ids import new_id

ME, COLLEAGUE, STRANGER = new_id(), new_id(), new_id()


@pytest.fixture
def asked():
    return []


@pytest.fixture
def members(asked):
    def find(people):
        asked.append(people)
        return [each for each in people if each == COLLEAGUE]

    return Directory(find, [ME])


class TestDirectory:
    def test_include_whoever_asks_without_asking(self, members, asked):
        assert members.include([ME])
        assert asked == []

    @pytest.mark.parametrize(
        ("people", "expected"),
        [
            ([COLLEAGUE], True),
            ([COLLEAGUE, ME], True),
            ([STRANGER], False),
            ([COLLEAGUE, STRANGER], False),
            ([], True),
        ],
    )
    def test_include_those_who_were_found(self, members, people, expected):
        assert members.include(people) is expected

    def test_are_asked_for_once(self, members, asked):
        members.learn([COLLEAGUE, STRANGER])
        members.include([STRANGER])
        members.include([COLLEAGUE])

        assert asked == [sorted([COLLEAGUE, STRANGER])]

    @pytest.mark.parametrize("name", ["", "x", "client:1", "operator"])
    def test_do_not_include_what_is_no_id(self, members, asked, name):
        assert not members.include([name])
        assert asked == []

    def test_are_asked_for_in_bounded_numbers(self, members, asked):
        members.learn(new_id() for _ in range(MOST_ASKED + 1))

        assert [len(people) for people in asked] == [MOST_ASKED, 1]

    def test_are_not_taken_for_strangers_while_nobody_can_tell(self):
        def find(_):
            raise UnavailableError("service_unavailable", "Away.")

        with pytest.raises(UnavailableError):
            Directory(find, [ME]).include([COLLEAGUE])


class TestNamedIds:
    def test_are_those_of_every_row(self):
        rows = [
            {"op": "create", "data": {"owner_id": COLLEAGUE, "name": "x"}},
            {"op": "update", "data": {"mentions": [ME, STRANGER]}},
        ]

        found = named_ids(rows, ("owner_id", "mentions"))

        assert found == {COLLEAGUE, ME, STRANGER}

    @pytest.mark.parametrize(
        "row",
        [
            None,
            [],
            {},
            {"data": None},
            {"data": []},
            {"data": {"owner_id": 1}},
            {"data": {"owner_id": {"$ne": 1}}},
            {"data": {"owner_id": [[COLLEAGUE]]}},
        ],
    )
    def test_are_none_in_what_is_no_row(self, row):
        assert named_ids([row], ("owner_id",)) == set()
