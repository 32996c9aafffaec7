"""What the gateway's own routes take and answer; read by the description only."""

from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, fields, validate

from chassis.schemas import Email, Id, Input, Moment
from svc_analytics.schemas import EventNames
from svc_auth.schemas.oauth_grants import AuthorizationQuery

__all__ = [
    "AcceptanceInput",
    "AuthorizationInput",
    "ConsentInput",
    "ForgottenPasswordInput",
    "LinkQuery",
    "LivenessView",
    "NewPasswordInput",
    "PageInput",
    "ReadinessView",
    "SearchQuery",
    "SearchView",
    "SignInInput",
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
    types = EventNames()
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


class AuthorizationInput(AuthorizationQuery):
    """An application's request to act for somebody, as a form."""

    example: ClassVar[dict[str, Any]] = {
        "response_type": "code",
        "client_id": "019c12f0-5ec0-7c5e-b478-fdd8d973fa46",
        "redirect_uri": "https://merge.example/callback",
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }


class LinkQuery(Schema):
    """What the link in a message holds."""

    token = fields.String(
        metadata={"description": "As it is in the message; good once."}
    )


class PageInput(Input):
    """What the form of a page holds by itself.

    Attributes:
        token: Binds the form to the browser's cookie and to the page.
    """

    example: ClassVar[dict[str, Any]] = {
        "token": "5b2f4c1fd5c4a2ad6f6a1a4d8ad5e3f0b0c4b27a7a5f0f5d3c1e9b8a7d6c5b4a"
    }

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE

    token = fields.String(required=True)


class _RequestInput(PageInput):
    """That of a page on the way of an application.

    Attributes:
        client_name: The application, as the page showed it.
        return_to: Where the answer goes, as the page showed it.
    """

    client_name = fields.String()
    return_to = fields.String()


class SignInInput(_RequestInput):
    """What is typed into the sign-in page."""

    example: ClassVar[dict[str, Any]] = {
        **(PageInput.example or {}),
        "email": "ada@example.com",
        "password": "a long and secret one",
    }

    email = fields.String(required=True)
    password = fields.String(required=True)
    otp = fields.String()


class ConsentInput(_RequestInput):
    """What is decided on the consent page."""

    example: ClassVar[dict[str, Any]] = {
        **(PageInput.example or {}),
        "decision": "allow",
    }

    decision = fields.String(validate=validate.OneOf(("allow", "deny")))


class ForgottenPasswordInput(PageInput):
    """Whose password is forgotten."""

    example: ClassVar[dict[str, Any]] = {
        **(PageInput.example or {}),
        "email": "ada@example.com",
    }

    email = Email(required=True)


class NewPasswordInput(PageInput):
    """The password from now on."""

    example: ClassVar[dict[str, Any]] = {
        **(PageInput.example or {}),
        "password": "a long and secret one",
    }

    password = fields.String(required=True)


class AcceptanceInput(PageInput):
    """What is needed of who has not been a member anywhere."""

    example: ClassVar[dict[str, Any]] = {
        **(PageInput.example or {}),
        "name": "Ada Lovelace",
        "password": "a long and secret one",
    }

    name = fields.String()
    password = fields.String()
