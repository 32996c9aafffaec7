"""Applications (OAuth 2.0 clients), as clients see them."""

from typing import Any, ClassVar, Final

from marshmallow import (
    EXCLUDE,
    Schema,
    ValidationError,
    fields,
    validate,
    validates_schema,
)

from chassis.schemas import Id, Input, Moment, Text
from svc_auth.domain.oauth import DEVICE_GRANT, GRANT_TYPES, SCOPES, is_redirect_uri

__all__ = [
    "CreateOAuthClientInput",
    "NewOAuthClientView",
    "OAuthClientView",
    "RegisterOAuthClientInput",
    "UpdateOAuthClientInput",
]

_METHODS: Final = ("client_secret_basic", "client_secret_post", "none")
_MOST_URIS: Final = 10
_LONGEST_SCOPE: Final = 2_000


class _RedirectUri(fields.String):
    """Where people are sent back: exactly there."""

    def __init__(self) -> None:
        super().__init__(metadata={"format": "uri", "maxLength": 2_000})

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        uri: str = super()._deserialize(value, *args, **kwargs)
        if not is_redirect_uri(uri):
            raise ValidationError(
                "Must be an https URI, or http on 127.0.0.1 or [::1], "
                "without wildcard, fragment or password."
            )
        return uri


class _Scope(fields.String):
    """Names separated by spaces (RFC 6749 §3.3)."""

    def __init__(self, **kwargs: Any) -> None:
        pattern = f"^({'|'.join(SCOPES)})( ({'|'.join(SCOPES)}))*$"
        metadata = {"pattern": pattern, "maxLength": _LONGEST_SCOPE}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, *args, **kwargs)
        names = text.split(" ")
        if len(text) > _LONGEST_SCOPE or not set(names) <= SCOPES.keys():
            raise ValidationError(f"May hold only: {' '.join(SCOPES)}.")
        return tuple(dict.fromkeys(names))

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str:
        return " ".join(value)


class _Several(fields.List[Any]):
    """A list that is kept as a tuple, each value once."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
        return tuple(dict.fromkeys(super()._deserialize(*args, **kwargs)))


def _redirect_uris(**kwargs: Any) -> _Several:
    return _Several(_RedirectUri(), validate=validate.Length(0, _MOST_URIS), **kwargs)


def _grant_types(**kwargs: Any) -> _Several:
    return _Several(
        fields.String(validate=validate.OneOf(GRANT_TYPES)),
        validate=validate.Length(1, len(GRANT_TYPES)),
        **kwargs,
    )


class CreateOAuthClientInput(Input):
    """A new application.

    One that cannot keep a secret, such as a program on somebody's own machine,
    says ``none`` as its ``token_endpoint_auth_method``.
    """

    example: ClassVar[dict[str, Any]] = {
        "name": "Mail merge",
        "redirect_uris": ["https://merge.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile contacts:read offline_access",
    }

    name = Text(100, required=True)
    redirect_uris = _redirect_uris(load_default=())
    grant_types = _grant_types(load_default=("authorization_code",))
    scope = _Scope(required=True)
    token_endpoint_auth_method = fields.String(
        validate=validate.OneOf(_METHODS), load_default="client_secret_basic"
    )

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        refuse_contradictions(data)


class RegisterOAuthClientInput(Input):
    """A new application, as RFC 7591 §2 writes it; what is unknown is ignored."""

    example: ClassVar[dict[str, Any]] = {
        "client_name": "Mail merge",
        "redirect_uris": ["https://merge.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile contacts:read offline_access",
    }

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE

    name = Text(100, required=True, data_key="client_name")
    redirect_uris = _redirect_uris(load_default=())
    grant_types = _grant_types(load_default=("authorization_code",))
    scope = _Scope(required=True)
    token_endpoint_auth_method = fields.String(
        validate=validate.OneOf(_METHODS), load_default="client_secret_basic"
    )

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        refuse_contradictions(data)


class UpdateOAuthClientInput(Input):
    """A merge patch for an application."""

    example: ClassVar[dict[str, Any]] = {"name": "Mail merge for contacts"}

    name = Text(100)
    redirect_uris = _redirect_uris()
    grant_types = _grant_types()
    scope = _Scope()


def refuse_contradictions(data: dict[str, Any]) -> None:
    """Refuse what is right in each field but not together.

    Raises:
        ValidationError: Naming the field.
    """
    grants = data["grant_types"]
    if "authorization_code" in grants and not data["redirect_uris"]:
        raise ValidationError(
            "The grant authorization_code needs one.", "redirect_uris"
        )
    if "refresh_token" in grants and not {"authorization_code", DEVICE_GRANT} & {
        *grants
    }:
        raise ValidationError(
            "refresh_token goes with a grant in which a person lets it in.",
            "grant_types",
        )
    is_public = data["token_endpoint_auth_method"] == "none"  # noqa: S105 - a method
    if "client_credentials" in grants and is_public:
        raise ValidationError(
            "client_credentials needs an application with a secret.", "grant_types"
        )


class OAuthClientView(Schema):
    """An application."""

    id = Id()
    client_id = fields.String()
    version = fields.Integer()
    name = fields.String()
    redirect_uris = fields.List(fields.String())
    grant_types = fields.List(fields.String())
    scope = _Scope()
    token_endpoint_auth_method = fields.String()
    owner_id = fields.String(allow_none=True)
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)


class NewOAuthClientView(OAuthClientView):
    """An application with its secret, which is shown this once."""

    always: ClassVar[tuple[str, ...]] = ("client_id", "client_secret")

    client_secret = fields.String(
        allow_none=True,
        metadata={"description": "Null for one that cannot keep a secret."},
    )
