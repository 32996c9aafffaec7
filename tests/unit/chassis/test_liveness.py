import pytest

from chassis.liveness import Liveness


class FakeChannel:
    def __init__(self):
        self.declared = []

    def add_on_close_callback(self, callback):
        self.on_close = callback

    def queue_declare(self, queue, *, passive, callback):
        assert passive
        self.declared.append((queue, callback))

    def answer(self, consumers):
        class Frame:
            class method:  # noqa: N801 - pika's name
                consumer_count = consumers

        self.declared.pop(0)[1](Frame)


class FakeConnection:
    is_open = True

    def __init__(self):
        self.timers = []
        self.channels = []

    def call_later(self, delay_s, callback):
        self.timers.append((delay_s, callback))

    def tick(self):
        """Let the timer that is due first go off."""
        first = min(self.timers, key=lambda timer: timer[0])
        self.timers.remove(first)
        first[1]()

    def channel(self, on_open_callback):
        self.channels.append(FakeChannel())
        on_open_callback(self.channels[-1])


class Watching:
    @pytest.fixture
    def connection(self):
        return FakeConnection()

    @pytest.fixture
    def overdue(self):
        return {"sales"}

    @pytest.fixture
    def watch(self, connection, overdue):
        self.probed = []
        self.echoes = []
        return Liveness(
            connection,
            lambda service, _: self.echoes.append(service),
            lambda: overdue or None,
            self.probed.append,
        )


class TestLiveness(Watching):
    def test_one_empty_answer_does_not_convince(self, watch, connection):
        watch.probe("sales")
        connection.channels[0].answer(consumers=0)

        assert not watch.is_dead("sales")

    def test_two_do(self, watch, connection):
        for _ in range(2):
            watch.probe("sales")
            connection.channels[0].answer(consumers=0)

        assert watch.is_dead("sales")
        assert self.probed == ["sales", "sales"]

    def test_a_consumer_brings_it_back(self, watch, connection):
        for consumers in (0, 0, 1):
            watch.probe("sales")
            connection.channels[0].answer(consumers)

        assert not watch.is_dead("sales")

    def test_an_answer_brings_it_back(self, watch, connection):
        for _ in range(2):
            watch.probe("sales")
            connection.channels[0].answer(consumers=0)
        watch.saw_answer("sales")

        assert not watch.is_dead("sales")

    def test_a_service_is_asked_about_once_at_a_time(self, watch, connection):
        watch.probe("sales")
        watch.probe("sales")
        watch.probe("auth")

        queues = [queue for queue, _ in connection.channels[0].declared]

        assert queues == ["rpc-sales"]
        connection.channels[0].answer(consumers=1)
        assert connection.channels[0].declared[0][0] == "rpc-auth"

    def test_polls_while_calls_are_under_way(self, watch, connection, overdue):
        watch.wake()
        watch.wake()
        connection.tick()

        assert len(connection.channels[0].declared) == 1
        assert len(connection.timers) == 1

        overdue.clear()
        connection.tick()

        assert connection.timers == []


class TestEcho(Watching):
    def ask(self, watch, connection, consumers=1):
        watch.probe("sales")
        connection.channels[0].answer(consumers)

    def test_is_asked_for_while_there_are_consumers(self, watch, connection):
        self.ask(watch, connection)
        self.ask(watch, connection)

        assert self.echoes == ["sales"]
        assert not watch.is_dead("sales")

    def test_silence_makes_a_service_dead(self, watch, connection):
        self.ask(watch, connection)
        connection.tick()

        assert watch.is_dead("sales")
        assert watch.dead == {"sales"}
        assert self.probed == ["sales", "sales"]

    def test_an_echo_in_time_does_not(self, watch, connection):
        self.ask(watch, connection)
        watch.saw_answer("sales")
        connection.tick()

        assert not watch.is_dead("sales")

    def test_a_silent_service_is_asked_again_and_given_a_moment(
        self, watch, connection
    ):
        self.ask(watch, connection)
        connection.tick()
        self.probed.clear()
        self.ask(watch, connection)

        assert self.echoes == ["sales", "sales"]
        assert self.probed == []
        connection.tick()
        assert self.probed == ["sales"]
        assert watch.is_dead("sales")

    def test_the_first_echo_brings_it_back(self, watch, connection):
        self.ask(watch, connection)
        connection.tick()
        self.ask(watch, connection)
        self.probed.clear()
        watch.saw_answer("sales")

        assert not watch.is_dead("sales")
        assert self.probed == ["sales"]

    def test_is_not_expected_of_a_stock_service(self, watch, connection):
        self.ask(watch, connection)
        watch.has_no_echo("sales")
        connection.tick()

        assert not watch.is_dead("sales")
