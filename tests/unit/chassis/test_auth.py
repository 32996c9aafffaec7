import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from chassis.auth import verify
from chassis.errors import ForbiddenError, UnauthenticatedError
from chassis.ids import new_id, packed
from chassis.key_set import KeySet
from chassis.signer import Signer

ORG, PERSON, TEAM = new_id(), new_id(), new_id()
URL = "https://crm.example.com"


class Keys:
    """A key per issuer, as the stack's set-up makes them."""

    def __init__(self, directory):
        self.private, jwks = {}, []
        for issuer, grants in (("auth", ["*"]), ("notify", ["people:read"])):
            key = ec.generate_private_key(ec.SECP256R1())
            self.private[issuer] = key
            path = directory / f"{issuer}.pem"
            path.write_bytes(
                key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            )
            jwk = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
            jwks.append(
                {
                    **jwk,
                    "kid": issuer,
                    "rapport_issuer": issuer,
                    "rapport_grants": grants,
                }
            )
        self.set = KeySet({"keys": jwks}, URL)
        self.directory = directory

    def signer(self, issuer):
        return Signer(self.directory / f"{issuer}.pem", self.set)

    def forge(self, issuer="auth", headers=None, algorithm="ES256", key=None, **claims):
        now = int(time.time())
        whole = {
            "iss": URL,
            "aud": "rapport",
            "sub": PERSON,
            "org_id": ORG,
            "grants": {"*": "all"},
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            "jti": "j",
            **claims,
        }
        headers = {"kid": issuer, "typ": "at+jwt", **(headers or {})}
        key = key if key is not None else self.private[issuer]
        return jwt.encode(whole, key, algorithm=algorithm, headers=headers)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


def refusal(token, keys):
    with pytest.raises(UnauthenticatedError) as caught:
        verify(token, keys.set)
    return caught.value.code


class TestVerify:
    def test_takes_what_auth_signed_for_a_person(self, keys):
        token = keys.signer("auth").sign(
            subject=PERSON, org_id=ORG, grants={"*": "all"}, lifetime_s=60
        )

        caller = verify(token, keys.set)

        assert (caller.principal_id, caller.principal_type) == (PERSON, "person")
        assert caller.org_id == ORG

    @pytest.mark.parametrize("kind", ["AT+JWT", "application/at+jwt"])
    def test_takes_every_spelling_of_an_access_token(self, keys, kind):
        token = keys.forge(headers={"typ": kind})

        assert verify(token, keys.set).principal_id == PERSON

    def test_takes_a_service_for_itself_with_its_own_grants_only(self, keys):
        token = keys.forge(
            "notify", sub="service:notify", grants={"people:read": "all", "*": "all"}
        )

        assert dict(verify(token, keys.set).grants) == {"people:read": "all"}

    def test_takes_an_application_for_itself_of_auth_only(self, keys):
        token = keys.forge(sub="client:x")

        assert verify(token, keys.set).principal_type == "client"
        assert refusal(keys.forge("notify", sub="client:x"), keys) == "token_invalid"

    @pytest.mark.parametrize("token", [None, ""])
    def test_wants_a_token(self, keys, token):
        assert refusal(token, keys) == "token_missing"

    @pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 9_000])
    def test_refuses_what_is_no_token(self, keys, token):
        assert refusal(token, keys) == "token_malformed"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"exp": 1}, "token_expired"),
            ({"nbf": 2**33}, "token_invalid"),
            ({"aud": "other"}, "token_invalid"),
            ({"iss": "https://evil.example"}, "token_invalid"),
            ({"iss": ""}, "token_invalid"),
            ({"headers": {"typ": "JWT"}}, "token_invalid"),
            ({"headers": {"typ": None}}, "token_invalid"),
            ({"headers": {"kid": "nobody"}}, "token_invalid"),
            ({"org_id": "x"}, "token_invalid"),
            ({"grants": {"*": "everything"}}, "token_invalid"),
            ({"grants": []}, "token_invalid"),
            ({"fields": ["contacts"]}, "token_invalid"),
            ({"issuer": "notify"}, "token_invalid"),
            ({"issuer": "notify", "sub": "service:auth"}, "token_invalid"),
            ({"sub": "operator"}, "token_invalid"),
            ({"sub": "service:notify"}, "token_invalid"),
        ],
    )
    def test_refuses_what_nobody_may_have_signed(self, keys, changes, code):
        assert refusal(keys.forge(**changes), keys) == code

    def test_refuses_other_algorithms(self, keys):
        public = keys.private["auth"].public_key()
        raw = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        none = keys.forge(algorithm="none", key="")
        symmetric = keys.forge(algorithm="HS256", key=raw)

        assert refusal(none, keys) == "token_invalid"
        assert refusal(symmetric, keys) == "token_invalid"

    def test_refuses_a_signature_by_another_key(self, keys):
        forged = keys.forge(key=keys.private["notify"])

        assert refusal(forged, keys) == "token_invalid"


class TestCaller:
    def test_is_refused_what_it_does_not_hold(self, keys):
        caller = verify(keys.forge(grants={"contacts:read": "own"}), keys.set)

        assert caller.allows("contacts:read")
        with pytest.raises(ForbiddenError):
            caller.require("contacts:write")

    @pytest.mark.parametrize(
        ("reach", "expected"),
        [
            ("all", {}),
            ("team", {"acl": {"$in": [PERSON, TEAM]}}),
            ("own", {"acl": PERSON}),
            ("none", {"_id": {"$in": []}}),
        ],
    )
    def test_sees_as_far_as_the_grant_reaches(self, keys, reach, expected):
        token = keys.forge(grants={"contacts:read": reach}, team_ids=packed([TEAM]))

        assert verify(token, keys.set).predicate("contacts:read") == expected

    def test_has_a_tag_that_changes_with_its_rights(self, keys):
        tags = {
            verify(keys.forge(**claims), keys.set).rights_tag
            for claims in (
                {"grants": {"*": "all"}},
                {"grants": {"contacts:read": "all"}},
                {"fields": {"contacts": {"none": ["tags"]}}},
                {"fields": {"contacts": {"read": ["tags"]}}},
                {"fields": {"accounts": {"read": ["tags"]}}},
            )
        }

        assert len(tags) == 5

    def test_sees_and_writes_every_field_unless_the_token_says_so(self, keys):
        caller = verify(keys.forge(), keys.set)

        assert caller.hidden_fields("contacts") == frozenset()
        assert caller.unwritable_fields("contacts") == frozenset()

    def test_writes_no_field_that_is_hidden_or_only_to_be_read(self, keys):
        fields = {"contacts": {"none": ["email", "emails"], "read": ["tags"]}}

        caller = verify(keys.forge(fields=fields), keys.set)

        assert caller.hidden_fields("contacts") == {"email", "emails"}
        assert caller.unwritable_fields("contacts") == {"email", "emails", "tags"}
        assert caller.hidden_fields("accounts") == frozenset()

    def test_is_told_each_field_that_it_may_not_write(self, keys):
        fields = {"contacts": {"none": ["email", "emails"], "read": ["tags"]}}
        caller = verify(keys.forge(fields=fields), keys.set)

        caller.require_writable("contacts", ["last_name"])
        caller.require_writable("accounts", ["tags"])
        with pytest.raises(ForbiddenError) as caught:
            caller.require_writable("contacts", ["tags", "last_name", "email"])

        named = [each["field"] for each in caught.value.extra["errors"]]
        assert (caught.value.code, named) == ("field_forbidden", ["email", "tags"])


class TestKeySet:
    def test_shows_the_world_nothing_of_its_own(self, keys):
        (key,) = keys.set.public_document("auth")["keys"]

        assert key["kid"] == "auth"
        assert not [name for name in key if name.startswith("rapport")]
        assert "d" not in key
