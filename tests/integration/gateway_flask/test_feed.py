import queue
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from brokers import Broker
from envelopes import envelope
from proxies import Proxy

from chassis.ids import new_id
from gateway_flask.feed import Feed
from stack.paths import StatePaths
from stack.settings import Settings
from stack.topology import declare

pytestmark = pytest.mark.integration

ORG = new_id()


class Heard:
    """Everything that a feed said, in order; a gap is None."""

    def __init__(self, feed):
        self._news = queue.SimpleQueue()
        feed.subscribe(self._news.put, lambda: self._news.put(None))

    def next(self):
        return self._news.get(timeout=10)


@pytest.fixture(scope="module")
def broker(status):
    paths = StatePaths(Path(status["mailbox"]).parent)
    ports = Settings.load(paths).ports
    broker = Broker(
        status["amqp_uri"],
        ports["rabbitmq-management"],
        f"test-{uuid.uuid4().hex[:12]}",
    )
    declare(broker.uri)
    with closing(broker):
        yield broker


@pytest.fixture
def proxy(broker):
    proxy = Proxy(broker.host, broker.port)
    yield proxy
    proxy.close()


@pytest.fixture
def feed(broker, proxy):
    with closing(Feed(broker.uri_through(proxy), most_waiting=50)) as feed:
        yield feed


@pytest.fixture
def heard(feed):
    """What is heard from the first connection on, whose gap is not told of."""
    heard = Heard(feed)
    feed.start()
    assert heard.next() is None
    assert feed.wait_until_live(10)
    return heard


class TestFeed:
    def test_hears_what_every_service_says(self, broker, heard):
        sent = envelope(ORG, visibility={"owner_id": "p", "acl": ["p", "t"]})
        broker.publish("customer.events", "contact_created", sent)
        broker.publish("sales.events", "lead_created", envelope(ORG))

        first, second = heard.next(), heard.next()

        assert (sent["id"], sent["event"], ORG) == (first.id, first.name, first.org_id)
        assert ("p", ("p", "t")) == (first.owner_id, first.acl)
        assert sent["aggregate"]["id"] == first.aggregate_id
        assert second.id != first.id

    def test_hears_organizations_feeds_apart_from_events(self, broker, feed, heard):
        news = queue.SimpleQueue()
        feed.subscribe_numbered(lambda *piece: news.put(piece), lambda: None)
        piece = {"org_id": ORG, "events": [{"position": 7}]}
        broker.publish("analytics.feed", "", piece)
        sent = envelope(ORG)
        broker.publish("customer.events", "contact_created", sent)

        assert news.get(timeout=10) == (ORG, [{"position": 7}])
        assert heard.next().id == sent["id"]

    def test_hears_which_records_look_different(self, broker, feed, heard):
        news = queue.SimpleQueue()
        feed.subscribe_touched(lambda *touched: news.put(touched))
        broker.publish("customer.feed", "", {"org_id": ORG, "touched": ["c"]})
        sent = envelope(ORG)
        broker.publish("customer.events", "contact_created", sent)

        assert news.get(timeout=10) == (ORG, ["c"])
        assert heard.next().id == sent["id"]

    def test_passes_over_what_is_no_event(self, broker, heard):
        sent = envelope(ORG)
        broker.publish("sales.events", "x", b"\xff", b"[]", {"id": 1}, sent)

        assert heard.next().id == sent["id"]

    def test_goes_on_when_a_listener_fails(self, broker, feed, heard):
        feed.subscribe(lambda event: event.nothing)
        sent = [envelope(ORG), envelope(ORG)]
        broker.publish("auth.events", "x", *sent)

        assert [each["id"] for each in sent] == [heard.next().id, heard.next().id]

    def test_tells_of_a_gap_before_what_came_after_it(
        self, broker, proxy, feed, heard, until
    ):
        proxy.go_away()
        until(lambda: not feed.is_live)
        broker.publish("auth.events", "x", envelope(ORG))
        proxy.come_back()
        gap = heard.next()
        assert feed.wait_until_live(10)
        sent = envelope(ORG)
        broker.publish("auth.events", "x", sent)

        assert gap is None
        assert heard.next().id == sent["id"]

    def test_starts_anew_when_it_does_not_keep_up(self, broker, proxy, heard):
        proxy.swallow()
        many = [envelope(ORG, data={"padding": "x" * 50_000}) for _ in range(800)]
        broker.publish("auth.events", "x", *many)
        proxy.flow()

        news = [heard.next()]
        while news[-1] is not None:
            news.append(heard.next())

        assert len(news) - 1 < 800

    def test_leaves_nothing_behind(self, broker, feed, until):
        feed.start()
        assert feed.wait_until_live(10)
        until(lambda: replies(broker))

        feed.close()

        until(lambda: not replies(broker))
        assert not feed.is_live


def replies(broker):
    """The queues of feeds; the broker may be late in telling."""
    vhost = broker.uri.rpartition("/")[2]
    names = [each["name"] for each in broker.ask("GET", f"queues/{vhost}")]
    return [name for name in names if name.startswith("rpc.reply-gateway-")]
