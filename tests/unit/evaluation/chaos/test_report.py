import pytest

from evaluation.chaos.ledger import Found, Violation
from evaluation.chaos.plan import make_plan
from evaluation.chaos.report import table, to_json, violation_lines
from evaluation.chaos.trial import Trial
from evaluation.chaos.writes import Answer, Book, Operation, Outcome, Write


def trial(seed=1, violations=()):
    book = Book()
    write = book.add(Write("k", Operation.CREATE_CONTACT, "k"))
    write.answers += [Answer("closed", "", 0.2, ""), Answer("201", "", 1.5, "r")]
    write.outcome = Outcome.MADE
    return Trial(
        seed=seed,
        plan=make_plan(seed, 60),
        struck=6,
        book=book,
        found=Found(totals={"customer.contact_created": 1}),
        violations=list(violations),
        quiet_after_s=2.0,
        took_s=70.0,
    )


def rows(text):
    return {line[:26].strip(): line[26:].split() for line in text.splitlines()}


LOST = Violation("lost", "k", "contacts: 1 is not among []")


class TestTable:
    def test_has_a_column_for_each_seed_and_one_for_all(self):
        shown = rows(table([trial(1), trial(2, [LOST])]))

        assert shown["seed"] == ["1", "2", "sum"]
        assert shown["faults"] == ["6", "6", "12"]
        assert shown["retries"] == ["1", "1", "2"]
        assert shown["answered closed"] == ["1", "1", "2"]
        assert shown["slowest answer, s"] == ["1.5", "1.5", "1.5"]
        assert shown["behind its deadline, s"] == ["-3.5", "-3.5", "-3.5"]
        assert shown["lost"] == ["0", "1", "1"]
        assert shown["verdict"] == ["ok", "FAILED", "FAILED"]

    def test_needs_no_sum_of_one(self):
        assert rows(table([trial()]))["verdict"] == ["ok"]


class TestViolationLines:
    def test_show_the_first_and_count_the_rest(self):
        lines = violation_lines(trial(violations=[LOST] * 30))

        assert len(lines) == 21
        assert lines[-1] == "and 10 more"


class TestToJson:
    @pytest.mark.parametrize(("violations", "is_ok"), [((), True), ([LOST], False)])
    def test_says_whether_all_is_well(self, violations, is_ok):
        document = to_json([trial(), trial(violations=violations)])

        assert document["ok"] is is_ok
        assert document["seeds"][0]["answers"] == {"closed": 1, "201": 1}
        assert document["seeds"][1]["ok"] is is_ok
