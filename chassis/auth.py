"""Who is calling: signed tokens, and the rights in them.

Tokens are JWTs signed with ES256 (RFC 7518 §3.4), shaped after RFC 9068. Every
process verifies them itself, from a key set made when the stack was set up; see
``chassis.key_set``.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, cast

import jwt
import orjson

from chassis.errors import ForbiddenError, UnauthenticatedError, fields_forbidden
from chassis.ids import is_id, unpacked
from chassis.key_set import ALGORITHM, Key, KeySet
from chassis.restrictions import (
    UNRESTRICTED,
    Restriction,
    is_among,
    read_restrictions,
)

__all__ = [
    "AUDIENCE",
    "KIND",
    "OWN_CLIENT",
    "Caller",
    "Reach",
    "key_id_of",
    "verify",
]

AUDIENCE: Final = "rapport"
# RFC 9068 §2.2 wants every token to name an application: where people log in
# themselves, it is our own.
OWN_CLIENT: Final = "rapport"
KIND: Final = "at+jwt"
# RFC 9068 §4 allows the long form too; case does not count (RFC 7515 §4.1.9).
_KINDS: Final = frozenset({KIND, f"application/{KIND}"})
_CLAIMS: Final = ["iss", "exp", "iat", "nbf", "sub", "aud", "jti", "org_id"]
_LEEWAY_S: Final = 5
_MAX_TOKEN_LENGTH: Final = 8_192

PrincipalType = Literal["person", "client", "service", "operator"]
Reach = Literal["none", "own", "team", "all"]
_REACHES: Final[Mapping[str, int]] = {"none": 0, "own": 1, "team": 2, "all": 3}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The verified principal behind a request.

    Attributes:
        principal_id: A person's id, or ``client:<id>`` (an application that
            acts for itself), ``service:<name>``, or ``operator``.
        grants: ``"<resource>:<action>"`` to how far it reaches; ``"*"``
            stands for every resource and action.
        rights_at: As of when the rights are, in seconds since the epoch.
        key_id: Of the key that signed the token.
        session_id: The login or grant that the token hangs on, which may be
            revoked; None for tokens that are only valid for a moment.
        session_kind: What kind of session: ``login``, where the person is
            there in person, or one that something else acts in for them.
        client_id: The OAuth application that acts for the person, if one does.
        team_ids: Teams whose records they see: those that they are in, then
            those beneath what they lead.
        home_team_count: How many of these they are in themselves.
        restrictions: Of which resources they may not see or write some fields.
        currency: The organization's own, in which amounts are compared.
        time_zone: The organization's own, in which a day begins and ends.
        first_weekday: On which its weeks begin, 1 for Monday to 7 for Sunday.
    """

    principal_id: str
    principal_type: PrincipalType
    org_id: str
    roles: tuple[str, ...]
    team_ids: tuple[str, ...]
    grants: Mapping[str, Reach]
    expires_at: float
    token_id: str
    rights_at: float = 0.0
    key_id: str = ""
    session_id: str | None = None
    session_kind: str = "login"
    client_id: str | None = None
    home_team_count: int = 0
    restrictions: Mapping[str, Restriction] = field(default_factory=dict)
    currency: str | None = None
    time_zone: str = "UTC"
    first_weekday: int = 1

    def reach(self, permission: str) -> Reach:
        """How far ``permission`` reaches for this caller; ``none`` if not held."""
        exact: Reach = self.grants.get(permission, "none")
        every: Reach = self.grants.get("*", "none")
        return max(exact, every, key=lambda reach: _REACHES[reach])

    def reaches(self, permission: str, reach: Reach) -> bool:
        """Whether ``permission`` reaches for this caller as far as ``reach``."""
        return _REACHES[self.reach(permission)] >= _REACHES[reach]

    def require_operator(self) -> None:
        """Refuse everybody but the operator of the whole installation.

        Raises:
            ForbiddenError: ``operator_only``.
        """
        if self.principal_type != "operator":
            raise ForbiddenError("operator_only", "Only the operator may do this.")

    @property
    def is_present(self) -> bool:
        """Whether this is a person who has logged in, and nothing in their place."""
        return self.principal_type == "person" and self.session_kind == "login"

    def require_presence(self) -> None:
        """Refuse tokens that something else holds for a person.

        They can make no further tokens and open no further doors, whatever
        the person may do.

        Raises:
            ForbiddenError: ``token_restricted``.
        """
        if not self.is_present:
            raise ForbiddenError(
                "token_restricted", "Only people who log in themselves may do this."
            )

    def allows(self, permission: str) -> bool:
        """Whether the caller holds ``permission`` at all."""
        return self.reach(permission) != "none"

    def require(self, permission: str) -> None:
        """Refuse unless the caller holds ``permission``.

        Raises:
            ForbiddenError: ``permission_missing``.
        """
        if not self.allows(permission):
            raise ForbiddenError(
                "permission_missing", f"This needs the permission {permission}."
            )

    def predicate(self, permission: str) -> dict[str, Any]:
        """The MongoDB condition on records that ``permission`` reaches.

        Rights live in the record (``acl``), so a list, a count and a get
        agree by using this one condition.
        """
        reach = self.reach(permission)
        if reach == "all":
            return {}
        if reach == "team":
            return {"acl": {"$in": [self.principal_id, *self.team_ids]}}
        if reach == "own":
            return {"acl": self.principal_id}
        return {"_id": {"$in": []}}

    def hidden_fields(self, resource: str) -> frozenset[str]:
        """What no answer about such records may show this caller, or depend on.

        By every name: that of a view, of an input, of a filter.
        """
        return self.restrictions.get(resource, UNRESTRICTED).hidden

    def unwritable_fields(self, resource: str) -> frozenset[str]:
        """What this caller may not write of such records; all that is hidden, too."""
        return self.restrictions.get(resource, UNRESTRICTED).unwritable

    def require_writable(self, resource: str, names: Iterable[str]) -> None:
        """Refuse unless the caller may write each of these fields.

        Raises:
            ForbiddenError: ``field_forbidden``, naming those they may not.
        """
        self._require_none_of(self.unwritable_fields(resource), names, "write")

    def require_visible(self, resource: str, names: Iterable[str]) -> None:
        """Refuse unless the caller may see each of these fields.

        Where an answer would be about nothing else; from others they are left out.

        Raises:
            ForbiddenError: ``field_forbidden``, naming those they may not.
        """
        self._require_none_of(self.hidden_fields(resource), names, "see")

    @staticmethod
    def _require_none_of(
        forbidden: frozenset[str], names: Iterable[str], action: str
    ) -> None:
        if not forbidden:
            return
        if found := sorted(name for name in names if is_among(name, forbidden)):
            raise fields_forbidden(found, action)

    @property
    def home_team_ids(self) -> tuple[str, ...]:
        """The teams that the caller is in, whose records theirs are too."""
        return self.team_ids[: self.home_team_count]

    def sees_teams(self, team_ids: Iterable[str]) -> bool:
        """Whether these are teams whose records the caller sees.

        To others they give none, unless they may change all records.
        """
        return set(team_ids).issubset(self.team_ids)

    def gives_to_all(self, resource: str) -> bool:
        """Whether the caller may give such records to any team there is.

        Whoever may change all of them sees them whichever team they are given to.
        """
        return self.reach(f"{resource}:write") == "all"

    @cached_property
    def rights_tag(self) -> str:
        """Eight hex digits that change when the caller's rights do."""
        rights = orjson.dumps(dict(self.grants), option=orjson.OPT_SORT_KEYS)
        if self.team_ids:
            rights += orjson.dumps(sorted(self.team_ids))
        for resource, kept in sorted(self.restrictions.items()):
            fields = [resource, sorted(kept.hidden), sorted(kept.unwritable)]
            rights += orjson.dumps(fields)
        return hashlib.sha256(rights).hexdigest()[:8]


def verify(token: str | None, keys: KeySet) -> Caller:
    """Check a token as RFC 9068 §4 wants: kind, issuer, audience, times, signature.

    Raises:
        UnauthenticatedError: ``token_missing``, ``token_malformed``,
            ``token_expired`` or ``token_invalid`` (unknown key, forged, not
            yet valid, of another kind, by another issuer, for another
            audience, or signed by a key that may not sign for this principal).
    """
    if not token:
        raise UnauthenticatedError("token_missing", "An access token is needed.")
    try:
        return _caller(*_decode(token, keys))
    except jwt.ExpiredSignatureError:
        code, message = "token_expired", "The access token has expired."
    except jwt.InvalidSignatureError:
        code, message = "token_invalid", "The access token is not valid."
    except jwt.DecodeError:
        code, message = "token_malformed", "This is not an access token."
    except (jwt.PyJWTError, ValueError, TypeError):
        code, message = "token_invalid", "The access token is not valid."
    raise UnauthenticatedError(code, message)


def key_id_of(token: str) -> object:
    """The id of the key that a token says it was signed with, if it says one."""
    try:
        return jwt.get_unverified_header(token[:_MAX_TOKEN_LENGTH]).get("kid")
    except jwt.PyJWTError:
        return None


def _decode(token: str, keys: KeySet) -> tuple[dict[str, Any], Key]:
    if len(token) > _MAX_TOKEN_LENGTH:
        raise jwt.DecodeError("The token is too long.")
    header = jwt.get_unverified_header(token)
    if str(header.get("typ")).lower() not in _KINDS:
        raise jwt.InvalidTokenError("This is no access token.")
    key = keys.find(header.get("kid"))
    if key is None:
        raise jwt.InvalidKeyError("The token's key is unknown.")
    claims = jwt.decode(
        token,
        key.public,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        issuer=keys.issuer_url,
        leeway=_LEEWAY_S,
        options={"require": _CLAIMS},
    )
    return claims, key


def _caller(claims: Mapping[str, Any], key: Key) -> Caller:
    principal = str(claims["sub"])
    principal_type = _principal_type(principal)
    issuer_may_sign = {
        "person": key.issuer == "auth",
        "client": key.issuer == "auth",
        "operator": key.issuer == "operator",
        "service": principal == f"service:{key.issuer}",
    }
    grants = claims.get("grants")
    if (
        not issuer_may_sign[principal_type]
        or not is_id(claims["org_id"])
        or not isinstance(grants, dict)
        or any(reach not in _REACHES for reach in grants.values())
    ):
        raise jwt.InvalidTokenError("The key may not sign this.")
    if "*" not in key.grants:
        grants = {name: reach for name, reach in grants.items() if name in key.grants}
    return Caller(
        principal_id=principal,
        principal_type=principal_type,
        org_id=claims["org_id"],
        roles=tuple(claims.get("roles") or ()),
        team_ids=unpacked(claims.get("team_ids") or ""),
        home_team_count=int(claims.get("home_teams") or 0),
        grants=cast("Mapping[str, Reach]", grants),
        restrictions=read_restrictions(claims.get("fields")),
        expires_at=float(claims["exp"]),
        token_id=str(claims["jti"]),
        rights_at=float(claims.get("rights_at") or claims["iat"]),
        key_id=key.jwk["kid"],
        session_id=claims.get("sid"),
        session_kind=str(claims.get("kind") or "login"),
        client_id=_application(claims),
        currency=claims.get("currency"),
        time_zone=str(claims.get("time_zone") or "UTC"),
        first_weekday=int(claims.get("first_weekday") or 1),
    )


def _application(claims: Mapping[str, Any]) -> str | None:
    client_id = claims.get("client_id")
    return None if client_id == OWN_CLIENT else client_id


def _principal_type(principal: str) -> PrincipalType:
    if principal == "operator":
        return "operator"
    if principal.startswith("client:"):
        return "client"
    return "service" if principal.startswith("service:") else "person"
