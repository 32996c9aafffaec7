import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from jwt.algorithms import ECAlgorithm

from chassis.errors import UnauthenticatedError, UnavailableError
from chassis.events import wire_time
from chassis.ids import new_id
from chassis.key_set import KeySet
from chassis.signer import Signer
from chassis.trust import Trust
from chassis.upkeep import Upkeep

ORG, PERSON, SESSION = new_id(), new_id(), new_id()
URL = "https://crm.example.com"


class Issuer:
    """Somebody with a key of their own, under an id."""

    def __init__(self, directory, key_id, issuer="auth"):
        private = ec.generate_private_key(ec.SECP256R1())
        path = directory / f"{key_id}.pem"
        path.write_bytes(
            private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        self.public = {
            **ECAlgorithm.to_jwk(private.public_key(), as_dict=True),
            "kid": key_id,
        }
        self.jwk = {**self.public, "rapport_issuer": issuer, "rapport_grants": ["*"]}
        self._signer = Signer(path, KeySet({"keys": [self.jwk]}, URL))

    def sign(self, session_id=None, lifetime_s=60, subject=PERSON, **facts):
        return self._signer.sign(
            subject=subject,
            org_id=ORG,
            grants={},
            session_id=session_id,
            lifetime_s=lifetime_s,
            **facts,
        )


@pytest.fixture(scope="module")
def issuers(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    names = {"old": "auth", "new": "auth", "ops": "operator"}
    return {name: Issuer(directory, name, of) for name, of in names.items()}


@pytest.fixture
def trust(issuers):
    return Trust(KeySet({"keys": [issuers["old"].jwk, issuers["ops"].jwk]}, URL))


def refusal(trust, token):
    with pytest.raises(UnauthenticatedError) as caught:
        trust.verify(token)
    return caught.value.code


class TestRemembering:
    def test_who_a_token_belongs_to(self, trust, issuers):
        token = issuers["old"].sign()

        assert trust.verify(token) is trust.verify(token)

    def test_no_more_than_its_capacity(self, issuers):
        trust = Trust(KeySet({"keys": [issuers["old"].jwk]}, URL), capacity=3)

        for _ in range(5):
            trust.verify(issuers["old"].sign())

        assert len(trust) == 3

    def test_nothing_beyond_expiry(self, trust, issuers):
        token = issuers["old"].sign(lifetime_s=-3)
        first = trust.verify(token)

        assert first is not trust.verify(token)

    def test_no_refusal(self, trust):
        assert refusal(trust, "nonsense") == "token_malformed"
        assert len(trust) == 0


class TestRevoking:
    def test_ends_every_token_of_the_session(self, trust, issuers):
        seen, unseen = issuers["old"].sign(SESSION), issuers["old"].sign(SESSION)
        caller = trust.verify(seen)
        trust.revoke(SESSION)

        assert refusal(trust, seen) == refusal(trust, unseen) == "token_revoked"
        assert not trust.is_good(caller)

    def test_ends_no_other_session(self, trust, issuers):
        trust.revoke(SESSION)
        others = issuers["old"].sign(new_id()), issuers["old"].sign(None)

        assert all(trust.is_good(trust.verify(token)) for token in others)


class TestOtherRights:
    def test_concern_tokens_from_before(self, trust, issuers):
        before = trust.verify(issuers["old"].sign())
        trust.note_change(ORG, PERSON, time.time() + 0.001)
        later = trust.verify(issuers["old"].sign(rights_at=time.time() + 1))

        assert trust.is_outdated(before)
        assert not trust.is_outdated(later)

    @pytest.mark.parametrize(
        ("org_id", "principal_id", "is_meant"),
        [(ORG, None, True), (ORG, SESSION, False), (SESSION, PERSON, False)],
    )
    def test_concern_those_who_are_meant(
        self, trust, issuers, org_id, principal_id, is_meant
    ):
        caller = trust.verify(issuers["old"].sign())
        trust.note_change(org_id, principal_id, time.time() + 1)

        assert trust.is_outdated(caller) == is_meant

    def test_are_not_taken_back_by_older_news(self, trust, issuers):
        caller = trust.verify(issuers["old"].sign())
        trust.note_change(ORG, PERSON, time.time() + 1)
        trust.note_change(ORG, PERSON, time.time() - 100)

        assert trust.is_outdated(caller)


class TestNewKeys:
    def test_verify_from_when_they_are_learned(self, trust, issuers):
        token = issuers["new"].sign()
        assert trust.lacks_key_of(token)
        assert refusal(trust, token) == "token_invalid"

        trust.learn_keys({"keys": [issuers["old"].public, issuers["new"].public]})

        assert not trust.lacks_key_of(token)
        assert trust.verify(token).key_id == "new"
        assert trust.verify(issuers["old"].sign()).key_id == "old"

    def test_end_what_the_ones_left_out_have_signed(self, trust, issuers):
        token = issuers["old"].sign()
        caller = trust.verify(token)
        trust.learn_keys({"keys": [issuers["new"].public]})

        assert refusal(trust, token) == "token_invalid"
        assert not trust.is_good(caller)

    def test_cannot_replace_those_of_the_operator(self, trust, issuers):
        forged = {**issuers["new"].public, "kid": "ops"}
        trust.learn_keys({"keys": [issuers["old"].public, forged]})
        token = issuers["ops"].sign(subject="operator")

        assert trust.verify(token).principal_type == "operator"

    def test_cannot_sign_for_the_operator(self, trust, issuers):
        claims = {"rapport_issuer": "operator", "rapport_grants": ["*"]}
        trust.learn_keys({"keys": [{**issuers["new"].public, **claims}]})

        assert refusal(trust, issuers["new"].sign(subject="operator"))

    @pytest.mark.parametrize("document", [{}, {"keys": [{"kty": "EC"}]}])
    def test_that_cannot_be_read_change_nothing(self, trust, issuers, document):
        with pytest.raises(LookupError):
            trust.learn_keys(document)

        assert trust.verify(issuers["old"].sign()).key_id == "old"


class Auth:
    """An svc_auth that answers from what it is told."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.pages = {"": ([], None)}
        self.changes = []
        self.asked = []
        self.is_away = False

    def __call__(self, method, kwargs):
        self.asked.append(method)
        if self.is_away:
            raise UnavailableError("service_unavailable")
        if method == "get_jwks":
            return {"keys": [each.public for each in self.keys]}
        if method == "list_rights_changes":
            return {"changes": self.changes, "next": None}
        session_ids, following = self.pages[kwargs["since"]]
        return {"session_ids": session_ids, "next": following}


def event(name, aggregate_id=SESSION, **data):
    return SimpleNamespace(
        name=name,
        org_id=ORG,
        aggregate_id=aggregate_id,
        occurred_at=wire_time(datetime.now(UTC) + timedelta(milliseconds=1)),
        data=data,
    )


@pytest.fixture
def auth(issuers):
    return Auth(issuers["old"], issuers["new"])


@pytest.fixture
def upkeep(trust, auth):
    upkeep = Upkeep(trust, auth)
    yield upkeep
    upkeep.close()


class TestUpkeep:
    def test_learns_keys_and_all_pages_of_revocations(
        self, trust, auth, upkeep, issuers, until
    ):
        auth.pages = {"": (["a"], "x"), "x": ([SESSION], None)}
        upkeep.refresh()
        token = issuers["new"].sign(SESSION)

        until(lambda: not trust.lacks_key_of(token))
        until(lambda: auth.asked[-3:-1] == ["list_revocations"] * 2)
        assert refusal(trust, token) == "token_revoked"

    def test_asks_until_there_is_an_answer(self, trust, auth, upkeep, issuers, until):
        auth.is_away = True
        upkeep.refresh()
        until(lambda: len(auth.asked) >= 2)
        auth.is_away = False

        until(lambda: not trust.lacks_key_of(issuers["new"].sign()))

    def test_takes_a_revocation_at_once(self, trust, auth, upkeep, issuers):
        upkeep.hear(event("auth.session_revoked", SESSION))

        assert refusal(trust, issuers["old"].sign(SESSION)) == "token_revoked"
        assert auth.asked == []

    @pytest.mark.parametrize("news", ["signing_key_added", "signing_key_retired"])
    def test_asks_when_keys_change(self, trust, upkeep, issuers, until, news):
        upkeep.hear(event(f"auth.{news}"))

        until(lambda: not trust.lacks_key_of(issuers["new"].sign()))

    @pytest.mark.parametrize(
        "name", ["auth.org_registered", "sales.session_revoked", "sales.role_updated"]
    )
    def test_leaves_other_news_alone(self, trust, auth, upkeep, issuers, name):
        upkeep.hear(event(name, SESSION))

        assert not trust.is_outdated(trust.verify(issuers["old"].sign(SESSION)))
        assert auth.asked == []

    def test_hears_of_other_rights(self, trust, upkeep, issuers):
        before = trust.verify(issuers["old"].sign())
        upkeep.hear(event("auth.member_updated", person_id=PERSON))

        assert trust.is_outdated(before)

    def test_learns_of_other_rights_that_it_did_not_hear_of(
        self, trust, auth, upkeep, issuers, until
    ):
        before = trust.verify(issuers["old"].sign())
        auth.changes = [{"org_id": ORG, "person_id": PERSON, "at": time.time() + 1}]
        upkeep.refresh()

        until(lambda: trust.is_outdated(before))

    def test_asks_for_a_key_that_it_does_not_know(self, trust, upkeep, issuers):
        token = issuers["new"].sign()

        assert upkeep.learn_key(token, timeout_s=10)
        assert trust.verify(token).key_id == "new"

    def test_asks_for_no_key_that_it_knows(self, auth, upkeep, issuers):
        assert not upkeep.learn_key(issuers["old"].sign(), timeout_s=10)
        assert auth.asked == []

    def test_asks_but_once_for_keys_that_do_not_exist(self, auth, upkeep, issuers):
        auth.keys = [issuers["old"]]
        token = issuers["new"].sign()
        answers = [upkeep.learn_key(token, timeout_s=10) for _ in range(50)]

        assert answers == [True, *[False] * 49]
        assert auth.asked == ["get_jwks", "list_revocations", "list_rights_changes"]

    def test_lets_all_wait_who_meet_a_new_key_together(self, upkeep, issuers):
        token, answers = issuers["new"].sign(), []
        together = threading.Barrier(8)

        def meet():
            together.wait()
            answers.append(
                upkeep.learn_key(token, timeout_s=10)
                or not upkeep._trust.lacks_key_of(token)
            )

        threads = [threading.Thread(target=meet) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == [True] * 8

    def test_refuses_nobody_for_good_before_the_first_answer(
        self, auth, upkeep, issuers
    ):
        auth.is_away = True

        with pytest.raises(UnavailableError):
            upkeep.learn_key(issuers["new"].sign(), timeout_s=0.05)
