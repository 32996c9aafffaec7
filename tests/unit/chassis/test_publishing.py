import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.publishing import ConfirmingPublisher, NotPublishedError


class Broker:
    """Takes messages, and says of them what it is told to say, in that order."""

    def __init__(self, publisher):
        self.publisher = publisher
        self.published = 0
        self.answers = []
        publisher._connection = publisher._channel = self

    def basic_publish(self, *_, **__):
        self.published += 1

    def drain_events(self, timeout):
        if not self.answers:
            raise TimeoutError(f"nothing within {timeout} s")
        kind, tag, multiple = self.answers.pop(0)
        if kind == "ack":
            self.publisher._on_confirm(tag, multiple=multiple)
        elif kind == "nack":
            self.publisher._on_refusal(tag, multiple=multiple)
        else:
            self.publisher._on_return(Exception("NO_ROUTE"), "x.events", "y", None)

    def collect(self):
        pass


@st.composite
def windows(draw):
    """The broker's answers to a window: every message settled once, in any order.

    Returns:
        How many messages, the answers, and how many messages were refused.
    """
    unsettled = set(range(1, draw(st.integers(1, 12)) + 1))
    size, answers, refused = len(unsettled), [], 0
    while unsettled:
        tag = draw(st.sampled_from(sorted(unsettled)))
        kind = draw(st.sampled_from(["ack", "ack", "ack", "nack", "return"]))
        if kind == "return":
            answers.append(("return", None, None))
            kind, multiple, settled = "ack", False, {tag}
            refused += 1
        else:
            multiple = draw(st.booleans())
            settled = {each for each in unsettled if each <= tag} if multiple else {tag}
        answers.append((kind, tag, multiple))
        refused += len(settled) * (kind == "nack")
        unsettled -= settled
    return size, answers, refused


def outcome(publisher):
    try:
        publisher.flush()
    except NotPublishedError as error:
        return str(error)
    return None


@pytest.fixture
def publisher():
    publisher = ConfirmingPublisher("pyamqp://user:p%40ss@127.0.0.1:1/rapport")
    publisher._unconfirmed = {1, 2, 3}
    return publisher


class TestConfirms:
    def test_settle_one_or_all_before(self, publisher):
        publisher._on_confirm(3, multiple=False)
        publisher._on_confirm(1, multiple=True)

        assert publisher._unconfirmed == {2}

    def test_that_refuse_are_told_of(self, publisher):
        publisher._on_refusal(3, multiple=True)

        with pytest.raises(NotPublishedError, match="3 messages"):
            publisher.flush()
        publisher.flush()

    def test_of_unroutable_messages_are_told_of(self, publisher):
        publisher._on_return(Exception("NO_ROUTE"), "x.events", "y", None)
        publisher._on_confirm(3, multiple=True)

        with pytest.raises(NotPublishedError, match="1 messages"):
            publisher.flush()


class TestWindows:
    @given(st.lists(windows(), max_size=3))
    def test_succeed_exactly_if_every_message_was_taken(self, several):
        publisher = ConfirmingPublisher("pyamqp://u:p@127.0.0.1:1/rapport")
        broker = Broker(publisher)
        for size, answers, refused in several:
            before = broker.published
            for _ in range(size):
                publisher.publish("x.events", "y", b"{}")
            broker.answers = [
                (kind, tag and tag + before, multiple)
                for kind, tag, multiple in answers
            ]

            told = outcome(publisher)
            assert (told is None) == (refused == 0)
            assert refused == 0 or told.startswith(f"{refused} messages")
            assert broker.answers == []

    @given(windows(), st.data())
    def test_fail_if_an_answer_does_not_come(self, window, data):
        size, answers, _ = window
        publisher = ConfirmingPublisher("pyamqp://u:p@127.0.0.1:1/rapport")
        broker = Broker(publisher)
        for _ in range(size):
            publisher.publish("x.events", "y", b"{}")
        broker.answers = answers[: data.draw(st.integers(0, len(answers) - 1))]

        assert "nothing within 5 s" in outcome(publisher)
        # Nothing of it is left to be taken for the next window's.
        assert outcome(publisher) is None


class TestConnect:
    def test_says_so_when_nobody_is_there(self, publisher):
        with pytest.raises(NotPublishedError):
            publisher.publish("x", "y", b"{}")

        assert publisher._unconfirmed == set()
