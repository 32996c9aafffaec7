from hypothesis import given
from hypothesis import strategies as st

from chassis.breaker import Breaker, BreakerState


def opened(now=0.0):
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(now)
    return breaker


class TestBreaker:
    def test_opens_after_five_failures_in_a_row(self):
        breaker = Breaker()
        for _ in range(4):
            breaker.failed(0)

        assert breaker.admits(0)
        breaker.failed(0)
        assert breaker.state is BreakerState.OPEN
        assert not breaker.admits(0.9)

    def test_an_answer_in_between_starts_the_count_anew(self):
        breaker = Breaker()
        for _ in range(4):
            breaker.failed(0)
        breaker.succeeded()
        breaker.failed(0)

        assert breaker.admits(0)

    def test_lets_one_through_after_the_pause(self):
        breaker = opened()

        assert breaker.admits(1.0)
        assert breaker.state is BreakerState.HALF_OPEN
        assert not breaker.admits(1.5)

    def test_closes_when_the_trial_is_answered(self):
        breaker = opened()
        breaker.admits(1.0)
        breaker.succeeded()

        assert breaker.state is BreakerState.CLOSED
        assert breaker.admits(1.0)

    def test_waits_longer_after_each_trial_that_fails(self):
        breaker = opened()
        now, pauses = 0.0, []
        for _ in range(5):
            began = now
            while not breaker.admits(now):
                now += 0.5
            pauses.append(now - began)
            breaker.failed(now)

        assert pauses == [1, 2, 4, 8, 8]

    def test_replaces_a_trial_of_which_nothing_is_heard(self):
        breaker = opened()
        breaker.admits(1.0)

        assert breaker.admits(2.0)

    @given(st.lists(st.sampled_from(["ask", "answer", "fail", "wait"]), max_size=60))
    def test_always_admits_within_eight_seconds(self, happenings):
        breaker, now = Breaker(), 0.0
        for what in happenings:
            match what:
                case "ask":
                    breaker.admits(now)
                case "answer":
                    breaker.succeeded()
                case "fail":
                    breaker.failed(now)
                case "wait":
                    now += 0.7

        assert breaker.admits(now + 8)

    @given(st.lists(st.booleans(), max_size=40))
    def test_is_open_only_after_five_failures_in_a_row(self, answers):
        breaker = Breaker()
        run = 0
        for is_answered in answers:
            if is_answered:
                breaker.succeeded()
            else:
                breaker.failed(0)
            run = 0 if is_answered else run + 1

            assert (breaker.state is BreakerState.OPEN) == (run >= 5)
