"""What the gateway's own routes answer; read by the description only."""

from marshmallow import Schema, fields, validate

from chassis.schemas import Id, Moment

__all__ = [
    "LivenessView",
    "ReadinessView",
    "SearchQuery",
    "SearchView",
    "StreamHeaders",
    "StreamQuery",
    "StreamTicketView",
]

_STATES = ("ok", "degraded", "unavailable")


class LivenessView(Schema):
    """That this process answers."""

    status = fields.String(validate=validate.OneOf(("ok",)))


class DependencyView(Schema):
    """How one of the things stands that the gateway depends on."""

    status = fields.String(validate=validate.OneOf(_STATES))


class ReadinessView(Schema):
    """Whether to send requests here, and how everything behind it stands."""

    status = fields.String(validate=validate.OneOf(_STATES))
    dependencies = fields.Dict(
        keys=fields.String(), values=fields.Nested(DependencyView)
    )


class SearchQuery(Schema):
    """What to look for."""

    q = fields.String(
        required=True,
        validate=validate.Length(1, 100),
        metadata={
            "description": "Up to eight words, or a telephone number.",
            "examples": ["ada love"],
        },
    )
    types = fields.List(
        fields.String(
            validate=validate.OneOf(("contacts", "accounts", "leads", "opportunities"))
        ),
        validate=validate.Length(1),
        metadata={"description": "Look for these only."},
    )
    limit = fields.Integer(
        validate=validate.Range(1, 50),
        load_default=20,
        metadata={"description": "How many hits to answer at most."},
    )


class HitView(Schema):
    """A record that fits."""

    type = fields.String(
        validate=validate.OneOf(("contact", "account", "lead", "opportunity"))
    )
    id = Id()
    title = fields.String(allow_none=True)
    subtitle = fields.String(allow_none=True)
    score = fields.Integer()
    matched = fields.List(
        fields.String(), metadata={"description": "What the words were found in."}
    )
    updated_at = Moment()


class KindFoundView(Schema):
    """How much of one kind was found."""

    hits = fields.Integer()
    has_more = fields.Boolean()


class SearchSectionView(Schema):
    """How the search for one kind went."""

    status = fields.String(validate=validate.OneOf(("ok", "unavailable", "forbidden")))
    code = fields.String(allow_none=True)
    data = fields.Nested(KindFoundView, allow_none=True)
    age_s = fields.Integer(allow_none=True)
    href = fields.String()


class SearchView(Schema):
    """What fits best, whatever it is and whoever owns it."""

    hits = fields.List(fields.Nested(HitView))
    sections = fields.Dict(
        keys=fields.String(), values=fields.Nested(SearchSectionView)
    )


class StreamQuery(Schema):
    """Where to begin, and what to send."""

    after = fields.String(
        validate=validate.Regexp("(?:latest|[0-9]{1,16})$"),
        metadata={
            "description": "The position behind which to begin; by default "
            "`latest`, the end of the feed."
        },
    )
    types = fields.String(
        metadata={
            "description": "Names of events (the tag `events` lists them), separated "
            "by commas; by default all."
        }
    )
    ticket = fields.String(
        metadata={
            "description": "From `POST /v1/stream-tickets`, instead of the "
            "`Authorization` header."
        }
    )


class StreamHeaders(Schema):
    """What a client says that comes back."""

    last_event_id = fields.String(
        data_key="Last-Event-ID",
        validate=validate.Regexp("[0-9]{1,16}$"),
        metadata={"description": "The last `id` received; it wins over `after`."},
    )


class StreamTicketView(Schema):
    """What opens one stream."""

    ticket = fields.String()
    expires_in = fields.Integer()
