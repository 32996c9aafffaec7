"""What the endpoints of OAuth 2.0 take and answer, in the words of its standards.

Parameters that are not known are ignored there (RFC 6749 §3.1, §3.2).
"""

from typing import Any, ClassVar, Final

from marshmallow import EXCLUDE, Schema, fields, validate

from chassis.schemas import Id, Input
from svc_auth.domain.oauth import GRANT_TYPES

__all__ = [
    "AuthorizationQuery",
    "DeviceAuthorizationView",
    "DeviceQuery",
    "DeviceRequestInput",
    "IntrospectionView",
    "OAuthTokensView",
    "ProviderView",
    "RegisteredClientView",
    "TokenInput",
    "TokenRequestInput",
    "UserInfoView",
]

_LONGEST: Final = 2_000


def _text(description: str, **terms: Any) -> fields.String:
    return fields.String(
        validate=validate.Length(max=_LONGEST),
        metadata={"description": description},
        **terms,
    )


def _number(description: str) -> fields.Integer:
    return fields.Integer(metadata={"description": description})


class _Parameters(Input):
    """Parameters of which those that are not known are ignored."""

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE


class AuthorizationQuery(_Parameters):
    """An application's request to act for somebody (RFC 6749 §4.1.1, RFC 7636)."""

    client_id = Id(
        required=True,
        metadata={
            "description": "The application.",
            "examples": ["019c12f0-5ec0-7c5e-b478-fdd8d973fa46"],
        },
    )
    redirect_uri = _text("Where the answer goes: one that is registered.")
    response_type = _text("`code`; there is no other.")
    scope = _text("What it asks for, separated by spaces; `openid` by default.")
    state = _text("Comes back with the answer.")
    code_challenge = _text("The hash of `code_verifier`; needed (PKCE).")
    code_challenge_method = _text("`S256`; there is no other.")
    nonce = _text("Comes back in the ID token.")
    prompt = _text("`none`, `login`, `consent` or `select_account`.")
    max_age = _text("Sign in anew if that was longer ago, in seconds.")
    acr_values = _text("Has the ID token say in `acr` how the person signed in.")
    response_mode = _text("`query`; there is no other.")


class _ClientInput(_Parameters):
    """Who asks, where no ``Authorization`` header says so (RFC 6749 §2.3.1)."""

    client_id = _text("The application.")
    client_secret = _text("What only it knows, unless it has none.")


class TokenRequestInput(_ClientInput):
    """What an application presents for tokens (RFC 6749 §3.2)."""

    example: ClassVar[dict[str, Any]] = {
        "grant_type": "authorization_code",
        "code": "qdWGcBGb9pQKvCuGGWL9pDRyzwPLJfQ6J1cmCWNB2Xk",
        "redirect_uri": "https://merge.example/callback",
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }

    grant_type = fields.String(required=True, validate=validate.OneOf(GRANT_TYPES))
    code = _text("With `authorization_code`: what the answer held.")
    redirect_uri = _text("With `authorization_code`: where the answer went.")
    code_verifier = _text("With `authorization_code`: of which the hash was sent.")
    device_code = _text("With the grant of devices: what the device was given.")
    refresh_token = _text("With `refresh_token`: the newest; it is spent by that.")
    scope = _text(
        "With `client_credentials`: what it asks for; by default all that it has."
    )


class DeviceRequestInput(_ClientInput):
    """What a device without a browser asks for (RFC 8628 §3.1)."""

    example: ClassVar[dict[str, Any]] = {"scope": "openid contacts:read"}

    scope = _text("Separated by spaces; `openid` by default.")


class DeviceAuthorizationView(Schema):
    """What the device asks with, and what a person types (RFC 8628 §3.2)."""

    device_code = fields.String()
    user_code = _text("To be shown by the device.")
    verification_uri = _text("To be shown, too: where the code is typed.")
    verification_uri_complete = _text("The same with the code, for a QR code.")
    expires_in = _number("Seconds for which both codes are good.")
    interval = _number("Seconds to wait between two questions.")


class DeviceQuery(_Parameters):
    """Which device somebody is to let in."""

    user_code = _text("What the device shows.")
    prompt = _text("`login`: sign in anew.")


class TokenInput(_ClientInput):
    """One of an application's tokens (RFC 7009 §2.1, RFC 7662 §2.1)."""

    example: ClassVar[dict[str, Any]] = {
        "token": "m0v2gnlTnGQ6xsw7zyGsWzKDPvUEzmRqWvVWgSgBDFk"
    }

    token = fields.String(required=True, validate=validate.Length(min=1))
    token_type_hint = _text("Is not needed.")


class OAuthTokensView(Schema):
    """Tokens of an application (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3)."""

    optional: ClassVar = ("refresh_token", "id_token")

    access_token = fields.String()
    token_type = fields.Constant("Bearer")
    expires_in = _number("Seconds for which the access token is good.")
    scope = fields.String()
    refresh_token = _text("Unless it acts for itself.")
    id_token = _text("With the scope `openid`: who the person is, signed.")


class IntrospectionView(Schema):
    """What a token is good for (RFC 7662 §2.2); of one that is not, only that."""

    optional: ClassVar = (
        *("client_id", "scope", "sub", "iss", "exp", "token_type", "jti"),
    )

    active = fields.Boolean()
    client_id = fields.String()
    scope = fields.String()
    sub = fields.String()
    iss = fields.String()
    exp = _number("Until when, in seconds since 1970.")
    token_type = fields.String(metadata={"description": "`Bearer` or `refresh_token`."})
    jti = fields.String()


class UserInfoView(Schema):
    """Who somebody is, as far as the scope goes (OpenID Connect Core §5.3)."""

    optional: ClassVar = ("name", "email", "email_verified")

    sub = fields.String()
    name = _text("With the scope `profile`.")
    email = _text("With the scope `email`.")
    email_verified = fields.Boolean()


class RegisteredClientView(Schema):
    """A registered application (RFC 7591 §3.2.1)."""

    optional: ClassVar = ("client_secret", "client_secret_expires_at")

    client_id = fields.String()
    client_id_issued_at = _number("Seconds since 1970.")
    client_name = fields.String()
    redirect_uris = fields.List(fields.String())
    grant_types = fields.List(fields.String())
    response_types = fields.List(fields.String())
    scope = fields.String()
    token_endpoint_auth_method = fields.String()
    client_secret = _text("Shown this once; none if it cannot keep one.")
    client_secret_expires_at = _number("0: never.")


def _names() -> fields.List[Any]:
    return fields.List(fields.String())


class ProviderView(Schema):
    """What this provider can do, and where (RFC 8414 §2, OpenID Discovery §3)."""

    issuer = fields.String()
    authorization_endpoint = fields.String()
    token_endpoint = fields.String()
    device_authorization_endpoint = fields.String()
    userinfo_endpoint = fields.String()
    jwks_uri = fields.String()
    registration_endpoint = fields.String()
    revocation_endpoint = fields.String()
    introspection_endpoint = fields.String()
    scopes_supported = _names()
    response_types_supported = _names()
    response_modes_supported = _names()
    grant_types_supported = _names()
    code_challenge_methods_supported = _names()
    token_endpoint_auth_methods_supported = _names()
    revocation_endpoint_auth_methods_supported = _names()
    introspection_endpoint_auth_methods_supported = _names()
    subject_types_supported = _names()
    id_token_signing_alg_values_supported = _names()
    claims_supported = _names()
    acr_values_supported = _names()
    prompt_values_supported = _names()
    authorization_response_iss_parameter_supported = fields.Boolean()
    request_parameter_supported = fields.Boolean()
    request_uri_parameter_supported = fields.Boolean()
    claims_parameter_supported = fields.Boolean()
    service_documentation = fields.String()
