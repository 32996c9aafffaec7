"""Seals: whatever is done to a log without the key shows."""

import base64
import secrets

import pytest

from chassis.chain import BEGINNING, SEAL, Break, Chain, Walk

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
CHAIN = Chain(KEY)


def log(length, chain=CHAIN):
    rows, seal = [], BEGINNING
    for position in range(1, length + 1):
        row = {"_id": f"event-{position}", "data": {"n": position}}
        row["position"] = position
        seal = row[SEAL] = chain.seal(seal, row)
        rows.append(row)
    return rows


def breaks(rows, last=5, **given):
    return list(Walk(CHAIN, **given).breaks(rows, last))


class TestChain:
    def test_seals_alike_whether_or_not_a_seal_is_there(self):
        row = log(1)[0]

        assert CHAIN.seal(BEGINNING, row) == row[SEAL]

    def test_needs_the_key(self):
        other = Chain(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

        assert log(1, other)[0][SEAL] != log(1)[0][SEAL]


class TestWalk:
    def test_finds_nothing_in_a_sound_log(self):
        walk = Walk(CHAIN)
        rows = log(5)

        assert list(walk.breaks(rows, 5)) == []
        assert (walk.rows, walk.position, walk.seal) == (5, 5, rows[-1][SEAL])

    @pytest.mark.parametrize("place", range(5))
    def test_finds_the_row_that_was_altered(self, place):
        rows = log(5)
        rows[place]["data"] = {"n": 99}

        assert breaks(rows) == [Break(place + 1, place + 1, "altered")]

    @pytest.mark.parametrize("place", range(4))
    def test_finds_where_a_row_is_missing(self, place):
        rows = log(5)
        del rows[place]

        assert breaks(rows) == [
            Break(place + 1, place + 1, "missing"),
            Break(place + 2, place + 2, "altered"),
        ]

    def test_finds_that_the_end_is_missing(self):
        assert breaks(log(3)) == [Break(4, 5, "missing")]

    def test_finds_a_row_that_was_added(self):
        rows = log(5)
        rows.insert(2, {**rows[1], "_id": "another"})

        assert breaks(rows) == [Break(2, 2, "added")]

    def test_finds_rows_that_changed_places(self):
        rows = log(5)
        rows[1]["position"], rows[2]["position"] = 3, 2
        rows[1], rows[2] = rows[2], rows[1]

        assert [each.first for each in breaks(rows)] == [2, 3, 4]

    def test_finds_a_seal_that_was_taken_off(self):
        rows = log(5)
        del rows[4][SEAL]

        assert breaks(rows) == [Break(5, 5, "unsealed")]

    def test_finds_that_all_were(self):
        rows = [{k: v for k, v in row.items() if k != SEAL} for row in log(5)]

        assert len(breaks(rows)) == 5
        assert breaks(rows, most_unsealed=5) == []

    def test_goes_on_behind_rows_from_before_there_were_seals(self):
        old = {"_id": "old", "data": {}, "position": 1}
        new = {"_id": "new", "data": {}, "position": 2}
        new[SEAL] = CHAIN.seal(BEGINNING, new)

        assert breaks([old, new], 2, most_unsealed=1) == []

    def test_finds_a_log_that_is_sealed_but_another(self):
        seen = {3: log(3)[-1][SEAL]}
        others = log(2)
        row = {"_id": "forged", "data": {}, "position": 3}
        row[SEAL] = CHAIN.seal(others[-1][SEAL], row)

        assert breaks([*others, row], 3, seen=seen) == [Break(3, 3, "replaced")]
        assert breaks(log(3), 3, seen=seen) == []
