"""The WSGI application: what every request passes before and after its view."""

from collections.abc import Mapping

from flask import Flask, Response, g, request

from chassis.errors import UnauthenticatedError
from chassis.rpc_client import RpcClient
from gateway_flask.access_log import log_request
from gateway_flask.answer_cache import AnswerCache
from gateway_flask.arrival import MAX_BODY
from gateway_flask.auth import Verifier, bearer_token
from gateway_flask.bus import Bus
from gateway_flask.catch_up import CatchUp
from gateway_flask.charges import charge_of_stranger, charges_of
from gateway_flask.context import begin_request
from gateway_flask.errors import register_error_handlers
from gateway_flask.feed import Feed
from gateway_flask.floors import Floors
from gateway_flask.freshness import Freshness
from gateway_flask.health import Readiness
from gateway_flask.inputs import IdConverter, read_query, refuse_parameters
from gateway_flask.last_good import LastGood
from gateway_flask.limits import Limiter, Verdict
from gateway_flask.metrics import Metrics
from gateway_flask.policies import Policy, policies
from gateway_flask.processed import Processed
from gateway_flask.routes import BLUEPRINTS
from gateway_flask.seats import Seats
from gateway_flask.security import add_security_headers, preflight
from gateway_flask.settings import Settings
from gateway_flask.stream_hub import StreamHub
from gateway_flask.tickets import Tickets

__all__ = ["create_app"]


def create_app(
    settings: Settings | None = None,
    *,
    bus: Bus | None = None,
    limiter: Limiter | None = None,
) -> Flask:
    """Build the application; the broker is connected to by the first call.

    Events are heard once somebody starts the feed, as each worker process does.

    Args:
        settings: Read from the environment unless given.
        bus: The RPC client, unless one is made from the settings.
        limiter: The rate limiter, unless one is made from the settings.

    Raises:
        MissingSettingError: Something without which nothing works is missing.
        MissingPolicyError: A route does not say who may call it.
    """
    settings = settings or Settings.load()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = IdConverter
    metrics = Metrics(app)
    bus = bus or RpcClient(
        settings.amqp_uri,
        "gateway",
        # A service that hangs leaves threads for the others.
        max_per_service=max(1, settings.threads * 3 // 4),
    )
    limiter = limiter or Limiter(
        settings.redis_state_url, settings.limits, metrics.count_unchecked
    )
    app.extensions["settings"] = settings
    app.extensions["bus"] = bus
    feed = app.extensions["feed"] = Feed(settings.amqp_uri)
    app.extensions["last_good"] = LastGood(settings.redis_cache_url)
    app.extensions["metrics"] = metrics
    app.extensions["readiness"] = Readiness(bus, limiter)
    register_error_handlers(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    verifier = app.extensions["verifier"] = Verifier(settings.keys, bus, feed)
    tickets = app.extensions["tickets"] = Tickets(settings.redis_state_url)
    streams = app.extensions["streams"] = StreamHub(
        Seats(settings.streams, settings.streams_per_principal),
        CatchUp(bus),
        verifier.is_good,
        on_change=metrics.note_streams,
    )
    feed.subscribe_numbered(streams.hear, streams.notice_gap)
    door = _Door(
        settings,
        limiter,
        verifier,
        tickets,
        freshness=_freshness(app, feed, settings, metrics),
        terms=policies(app),
    )
    app.before_request(door.admit)
    app.after_request(door.release)
    return app


def _freshness(
    app: Flask, feed: Feed, settings: Settings, metrics: Metrics
) -> Freshness:
    answers = AnswerCache(settings.cache_bytes, lambda: feed.is_live)
    app.extensions["answers"] = answers
    feed.subscribe(answers.hear, answers.flush)
    feed.subscribe_touched(answers.hear_touched)
    processed = Processed(settings.threads)
    feed.subscribe_numbered(processed.hear, processed.notice_gap)
    floors = Floors(settings.redis_state_url)
    return Freshness(answers, floors, processed, metrics.count_lookup)


class _Door:
    """What every request passes on its way in and out."""

    def __init__(
        self,
        settings: Settings,
        limiter: Limiter,
        verifier: Verifier,
        tickets: Tickets,
        *,
        freshness: Freshness,
        terms: Mapping[str, Policy],
    ) -> None:
        self._settings = settings
        self._limiter = limiter
        self._policies = terms
        self._verifier = verifier
        self._tickets = tickets
        self._freshness = freshness

    def admit(self) -> Response | None:
        """Identify, limit and authorize a request, or answer it at once."""
        begin_request(request, self._settings.trusted_proxies)
        if request.endpoint is None:
            response = preflight(self._settings)
            if response is None:
                self._charge_stranger()
            return response
        policy = self._policies[request.endpoint]
        g.deadline = g.started + policy.deadline_s
        watched = None
        if not policy.is_public:
            self._identify(policy)
            watched = self._freshness.begin(policy)
        g.rate = self._limiter.check(charges_of(policy), watched)
        if policy.permission is not None:
            g.caller.require(policy.permission)
        g.query = read_query()
        if not policy.reads_query:
            refuse_parameters()
        return self._freshness.answer(policy)

    def _identify(self, policy: Policy) -> None:
        token = bearer_token(request)
        try:
            if token is None and policy.takes_ticket:
                token = self._token_of_ticket()
            g.caller, g.token = self._verifier.verify(token, self._charge_stranger)
        except UnauthenticatedError:
            # Guessing tokens is limited by address, as there is nobody else.
            if "rate" not in g:
                self._charge_stranger()
            raise

    def _charge_stranger(self) -> None:
        g.rate = self._limiter.check([charge_of_stranger()])

    def _token_of_ticket(self) -> str | None:
        ticket = read_query().get("ticket")
        return None if ticket is None else self._tickets.redeem(ticket)

    def release(self, response: Response) -> Response:
        """Add what every answer carries, and log it."""
        self._freshness.end(response)
        add_security_headers(response, self._settings)
        rate: Verdict | None = g.get("rate")
        if rate is not None and "RateLimit-Limit" not in response.headers:
            response.headers["RateLimit-Limit"] = str(rate.limit)
            response.headers["RateLimit-Remaining"] = str(rate.remaining)
            response.headers["RateLimit-Reset"] = str(rate.reset_s)
        log_request(response)
        return response
