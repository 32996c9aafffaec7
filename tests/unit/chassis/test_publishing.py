import pytest

from chassis.publishing import ConfirmingPublisher, NotPublishedError


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


class TestConnect:
    def test_says_so_when_nobody_is_there(self, publisher):
        with pytest.raises(NotPublishedError):
            publisher.publish("x", "y", b"{}")

        assert publisher._unconfirmed == set()
