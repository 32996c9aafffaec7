"""Writers of one record, who give way to each other."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from chassis.errors import ConflictError
from chassis.giving_way import attempts, turn
from chassis.ids import new_id

SOON = 0.5
OTHERS = 8


def an_hour():
    return time.time() + 3_600


class TestTurn:
    def test_is_of_one_at_a_time(self):
        name, inside, most = new_id(), [], []
        together = threading.Barrier(OTHERS)

        def work(place):
            together.wait()
            with turn(name, an_hour()):
                inside.append(place)
                most.append(len(inside))
                inside.remove(place)

        with ThreadPoolExecutor(OTHERS) as threads:
            list(threads.map(work, range(OTHERS)))

        assert most == [1] * OTHERS

    def test_is_of_each_name_for_itself(self):
        with turn(new_id(), an_hour()), turn(new_id(), an_hour()) as nothing:
            assert nothing is None

    def test_is_nobodys_who_has_hardly_any_time_left(self):
        with (
            pytest.raises(ConflictError, match="too_many_writers"),
            turn(new_id(), time.time() + SOON),
        ):
            pass

    def test_passes_on_from_whoever_fails(self):
        name = new_id()
        with pytest.raises(ZeroDivisionError), turn(name, an_hour()):
            raise ZeroDivisionError

        with turn(name, an_hour()) as nothing:
            assert nothing is None


class TestAttempts:
    @pytest.mark.parametrize("is_queued", [True, False])
    def test_leave_the_turn_to_others_in_the_end(self, is_queued):
        name = new_id()
        with closing(attempts(name, an_hour(), is_queued=is_queued)) as tries:
            next(tries)
            next(tries)

        with turn(name, an_hour()) as nothing:
            assert nothing is None
