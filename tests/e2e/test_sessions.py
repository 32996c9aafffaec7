"""Where somebody is logged in, and with what password."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from members import recruit
from pymongo import MongoClient

from chassis.ids import new_id

pytestmark = pytest.mark.e2e

EFFECTIVE_S = 2.0
TRIES = 8
NEW = "a new and secret one"


def as_bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def log_in(client):
    """Another login of the same person: its tokens."""

    def attempt(password=None, **headers):
        credentials = {**client.credentials}
        if password:
            credentials["password"] = password
        return client.patiently(
            "POST", "/v1/auth/login", credentials, Authorization="none", **headers
        )

    return attempt


@pytest.fixture
def ended(client, until):
    """Waits until a token is refused by every process, and says why."""

    def wait(token):
        def codes():
            answers = [
                client("GET", "/v1/me", **as_bearer(token)) for _ in range(TRIES)
            ]
            return {each[0] for each in answers} == {401} and answers[0][1]["code"]

        return until(codes, EFFECTIVE_S)

    return wait


def listed(client, **headers):
    code, answer, _ = client("GET", "/v1/sessions", **headers)
    assert code == 200, answer
    return answer["data"]


class Sessions:
    """What svc_auth keeps of them."""

    def __init__(self, rows):
        self.rows = rows

    def copies(self, client, count):
        """So many further logins of somebody, a day old, without tokens: their ids."""
        own = {"owner_id": client("GET", "/v1/me")[1]["id"], "revoked_at": None}
        like = self.rows.find_one(own)
        for name in ("pending_events", "pending_at"):
            like.pop(name, None)
        like |= {"created_at": like["created_at"] - timedelta(days=1)}
        like |= {"sequence": 0, "operations": []}
        made = [{**like, "_id": new_id()} for _ in range(count)]
        self.rows.insert_many(made)
        return [each["_id"] for each in made]

    def live(self, client):
        own = client("GET", "/v1/me")[1]["id"]
        return self.rows.count_documents({"owner_id": own, "revoked_at": None})


@pytest.fixture
def sessions(status):
    with MongoClient(status["mongo_uri"], tz_aware=True) as mongo:
        yield Sessions(mongo["rapport_auth"]["sessions"])


class TestSessions:
    def test_say_where_they_were_begun(self, client, log_in):
        agent = f"Browser {'x' * 300}"
        log_in(User_Agent=agent)
        newest, first = listed(client)

        assert first["is_current"]
        assert not newest["is_current"]
        assert newest["user_agent"] == agent[:256]
        assert newest["address"] == "127.0.0.1"
        assert (newest["kind"], newest["last_used_at"]) == ("login", None)

    def test_say_when_they_were_refreshed(self, client):
        payload = {"refresh_token": client.tokens["refresh_token"]}
        _, tokens, _ = client("POST", "/v1/auth/refresh", payload)
        (only,) = listed(client, **as_bearer(tokens["access_token"]))

        assert only["last_used_at"] > only["created_at"]

    def test_end_one_by_one(self, client, log_in, ended):
        _, tokens, _ = log_in()
        (other,) = (each for each in listed(client) if not each["is_current"])
        path = f"/v1/sessions/{other['id']}"

        assert client("DELETE", path)[0] == 204
        assert ended(tokens["access_token"]) == "token_revoked"
        code, answer, _ = client(
            "POST", "/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]}
        )
        assert (code, answer["code"]) == (401, "refresh_token_invalid")
        code, answer, _ = client("DELETE", path)
        assert (code, answer["code"]) == (404, "session_not_found")

    def test_end_together_but_for_the_one_at_hand(self, client, log_in, ended):
        others = [log_in()[1]["access_token"] for _ in range(2)]

        assert client("DELETE", "/v1/sessions")[0] == 204
        assert client("DELETE", "/v1/sessions")[0] == 204
        assert [ended(each) for each in others] == ["token_revoked"] * 2
        (left,) = listed(client)
        assert left["is_current"]

    def test_are_two_hundred_at_most(self, client, log_in, sessions):
        """One more ends what was used longest ago, not what was begun first."""
        (own,) = listed(client)
        others = sessions.copies(client, 199)
        long_ago = {"$set": {"created_at": datetime(2025, 1, 1, tzinfo=UTC)}}
        sessions.rows.update_one({"_id": own["id"]}, long_ago)
        payload = {"refresh_token": client.tokens["refresh_token"]}
        assert client("POST", "/v1/auth/refresh", payload)[0] == 200
        newest = log_in()[1], log_in()[1]

        assert sessions.live(client) == len(listed(client)) == 200
        ended = {"_id": {"$in": others}, "revoked_at": {"$ne": None}}
        reasons = [row["revoked_because"] for row in sessions.rows.find(ended)]
        assert reasons == ["too_many", "too_many"]
        for token in (client.token, *(each["access_token"] for each in newest)):
            assert client("GET", "/v1/me", **as_bearer(token))[0] == 200

    def test_are_nobody_elses(self, status, client, newcomer):
        member = recruit(status, newcomer, client, "admin")
        (theirs,) = listed(member)

        assert client("DELETE", f"/v1/sessions/{theirs['id']}")[0] == 404
        assert theirs["id"] not in {each["id"] for each in listed(client)}

    def test_are_not_for_programs(self, client):
        payload = {"name": "Import", "scope": ["contacts:read"]}
        _, made, _ = client("POST", "/v1/access-tokens", payload)
        program = as_bearer(made["token"])

        codes = [
            client(method, path, payload, **program)[1]["code"]
            for method, path, payload in (
                ("GET", "/v1/sessions", None),
                ("DELETE", "/v1/sessions", None),
                ("DELETE", f"/v1/sessions/{uuid.uuid4()}", None),
                ("POST", "/v1/me/password", change(client)),
            )
        ]

        assert codes == ["token_restricted"] * 4


@pytest.fixture(scope="module")
def zoe(newcomer):
    """Has an address that can be written in several ways."""
    client = newcomer()
    name = f"Zo\u00eb{uuid.uuid4().hex[:12]}"
    payload = {
        "org_name": "Acme",
        "name": "Zo\u00eb",
        "email": f"{name}@B\u00dcCHER.example",
        "password": "correct horse",
    }
    register = ("POST", "/v1/auth/register-org", payload)
    code, answer, _ = client.patiently(*register, Authorization="none")
    assert code == 201, answer
    return client, name


class TestSpellings:
    """Of one address, which people and their devices write in several ways."""

    @pytest.mark.parametrize(
        "domain",
        [
            "B\u00dcCHER.example",
            "b\u00fccher.example",
            "xn--bcher-kva.example",
            "XN--BCHER-KVA.EXAMPLE",
            "bu\u0308cher.example",
            "\uff42\u00fccher\uff0eexample",
        ],
    )
    def test_all_let_one_in(self, zoe, domain):
        client, name = zoe
        for spelled in (name, name.upper(), name.replace("\u00eb", "e\u0308")):
            address = f" {spelled}@{domain} "
            payload = {"email": address, "password": "correct horse"}
            code, answer, _ = client.patiently("POST", "/v1/auth/login", payload)

            assert code == 200, (address, answer)

    def test_are_guessed_at_together(self, zoe):
        client, name = zoe
        domains = ["b\u00fccher.example", "xn--bcher-kva.example"]
        codes = {
            client.patiently(
                *("POST", "/v1/auth/login"),
                {"email": f"x{name}@{domain}", "password": "wrong horse"},
            )[1]["code"]
            for domain in domains * 4
        }

        assert "login_delayed" in codes

    @pytest.mark.parametrize("email", ["nobody", "@", "a@b", "x" * 254, " "])
    def test_that_are_none_are_refused_as_wrong(self, client, email):
        payload = {"email": email, "password": "correct horse"}
        code, answer, _ = client.patiently("POST", "/v1/auth/login", payload)

        assert (code, answer["code"]) == (401, "credentials_invalid")


def change(client, password=NEW, current=None):
    own = client.credentials["password"]
    return {"current_password": current or own, "password": password}


class TestPasswords:
    def test_end_all_that_hung_on_the_old_one(self, client, log_in, ended):
        _, tokens, _ = log_in()
        payload = {"name": "Import", "scope": ["contacts:read"]}
        _, program, _ = client("POST", "/v1/access-tokens", payload)

        assert client("POST", "/v1/me/password", change(client))[0] == 204
        assert ended(tokens["access_token"]) == "token_revoked"
        assert ended(program["token"]) in {"token_revoked", "token_invalid"}
        assert client("GET", "/v1/me")[0] == 200
        assert log_in()[1]["code"] == "credentials_invalid"
        assert log_in(NEW)[0] == 200

    def test_end_it_in_other_organizations_too(self, status, client, newcomer, ended):
        member = recruit(status, newcomer, client, "analyst")
        _, orgs, _ = member("GET", "/v1/me/orgs")
        (elsewhere,) = (each for each in orgs["data"] if not each["is_current"])
        payload = {"org_id": elsewhere["id"]}
        _, there, _ = member("POST", "/v1/auth/switch-org", payload)

        assert member("POST", "/v1/me/password", change(member))[0] == 204
        assert ended(there["access_token"]) == "token_revoked"
        assert member("GET", "/v1/me")[0] == 200

    def test_end_however_many_sessions(self, client, sessions):
        """Those from before there was a bound; within what a transaction may take."""
        sessions.copies(client, 2_000)

        assert client("POST", "/v1/me/password", change(client))[0] == 204
        assert sessions.live(client) == 1
        assert client("GET", "/v1/me")[0] == 200

    def test_need_the_one_before(self, client):
        wrong = change(client, current="not that")
        code, answer, _ = client("POST", "/v1/me/password", wrong)

        assert (code, answer["code"]) == (422, "current_password_wrong")
        assert [each["field"] for each in answer["errors"]] == ["current_password"]

    def test_cannot_be_guessed_here_either(self, client):
        wrong = change(client, current="not that")
        codes = [client("POST", "/v1/me/password", wrong)[1]["code"] for _ in range(8)]

        # Delays begin with a second, which the rest may take.
        assert codes[:6] == ["current_password_wrong"] * 6
        assert "login_delayed" in codes

    @pytest.mark.parametrize("password", ["password123", "PassWord123", "Iloveyou1"])
    def test_that_everybody_has_are_refused(self, client, password):
        code, answer, _ = client("POST", "/v1/me/password", change(client, password))

        assert (code, answer["code"]) == (422, "password_too_common")
        assert [each["field"] for each in answer["errors"]] == ["password"]

    def test_are_not_ones_own_address(self, client):
        own = client.credentials["email"]
        _, answer, _ = client("POST", "/v1/me/password", change(client, own.upper()))

        assert answer["code"] == "password_too_common"

    def test_that_everybody_has_let_nobody_register(self, client):
        email = f"{uuid.uuid4().hex}@example.test"
        payload = {
            "org_name": "Acme",
            "name": "Ada",
            "email": email,
            "password": "password123",
        }
        _, refused, _ = client("POST", "/v1/auth/register-org", payload)

        assert refused["code"] == "password_too_common"

    def test_changed_twice_at_once_are_one_of_the_two(self, client, log_in):
        answers = []

        def attempt(password):
            payload = change(client, password)
            answers.append((client("POST", "/v1/me/password", payload), password))

        threads = [
            threading.Thread(target=attempt, args=[f"{NEW} {each}"]) for each in "ab"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [password for answer, password in answers if answer[0] == 204]
        lost = [answer[1]["code"] for answer, _ in answers if answer[0] != 204]

        assert len(won) == 1
        assert set(lost) <= {"credentials_changed", "current_password_wrong"}
        assert log_in(won[0])[0] == 200

    def test_let_nobody_in_who_proved_the_old_one(self, status, client, log_in):
        """The login that began before the change, and ends after it."""
        _, me, _ = client("GET", "/v1/me")
        with MongoClient(status["mongo_uri"]) as mongo:
            people = mongo["rapport_auth"]["people"]
            sessions = mongo["rapport_auth"]["sessions"]
            stop = threading.Event()

            def keep_changing():
                while not stop.is_set():
                    people.update_one({"_id": me["id"]}, {"$inc": {"credentials": 1}})

            thread = threading.Thread(target=keep_changing)
            thread.start()
            code, answer, _ = log_in()
            stop.set()
            thread.join()
            live = sessions.count_documents({"owner_id": me["id"], "revoked_at": None})

        assert (code, answer["code"]) == (401, "credentials_invalid")
        assert live == 1
