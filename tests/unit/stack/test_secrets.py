import base64
import hashlib
import json

import pytest

from chassis.auth import verify
from chassis.ids import new_id
from chassis.key_set import KeySet
from chassis.signer import Signer
from stack.principals import PRINCIPALS, SERVICES
from stack.secrets import (
    Addresses,
    hash_broker_password,
    jwk_thumbprint,
    main,
    make_material,
    mongo_passwords,
    render_definitions,
    render_uris,
    service_database_uri,
)

ADDRESSES = Addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4")


@pytest.fixture
def directory(tmp_path):
    make_material(tmp_path)
    return tmp_path


class TestMakeMaterial:
    def test_lets_nobody_else_read_anything(self, directory):
        files = [path for path in directory.rglob("*") if path.is_file()]

        assert {0o600} == {path.stat().st_mode & 0o777 for path in files}
        assert {0o700} == {path.parent.stat().st_mode & 0o777 for path in files}

    def test_changes_nothing_when_repeated(self, directory):
        before = {path: path.read_text() for path in directory.rglob("*_password")}

        make_material(directory)

        assert before == {path: path.read_text() for path in before}

    def test_completes_what_a_cut_short_run_left(self, directory):
        key = directory / "sales" / "signing_key.pem"
        key.unlink()

        make_material(directory)

        assert "PRIVATE KEY" in key.read_text()

    def test_gives_each_principal_what_it_needs_and_no_more(self, directory):
        gateway = {path.name for path in (directory / "gateway").iterdir()}

        assert {"amqp_password", "jwks.json"} == gateway
        assert (directory / "sales" / "vault_key").is_file()
        assert not (directory / "operator" / "vault_key").exists()

    def test_gives_no_two_services_the_same_password(self, directory):
        passwords = mongo_passwords(directory)

        assert len(SERVICES) == len(set(passwords.values()))

    def test_publishes_keys_with_which_each_signs_for_itself(self, directory):
        keys = KeySet.load(directory / "gateway" / "jwks.json", "http://x")
        key = directory / "notify" / "signing_key.pem"

        token = Signer(key, keys).sign_as_self(new_id())
        caller = verify(token, keys)

        assert caller.principal_id == "service:notify"
        assert {"people:read": "all"} == dict(caller.grants)

    def test_names_keys_by_their_thumbprint(self, directory):
        document = json.loads((directory / "auth" / "jwks.json").read_text())
        jwk = next(key for key in document["keys"] if key["rapport_issuer"] == "auth")
        required = {name: jwk[name] for name in ("crv", "kty", "x", "y")}

        assert f"auth-{jwk_thumbprint(required)[:8]}" == jwk["kid"]


class TestRenderUris:
    def test_writes_each_principal_its_own_login(self, directory):
        render_uris(directory, ADDRESSES)
        password = (directory / "sales" / "mongo_password").read_text()

        assert (
            f"mongodb://sales:{password}@127.0.0.1:2/rapport_sales"
            "?replicaSet=rs0&authSource=rapport_sales"
        ) == (directory / "sales" / "mongo_uri").read_text()

    def test_gives_the_gateway_no_database(self, directory):
        render_uris(directory, ADDRESSES)

        assert not (directory / "gateway" / "mongo_uri").exists()

    def test_uses_a_server_of_somebody_else_as_it_was_given(self, directory):
        render_uris(directory, Addresses(amqp_uri="amqp://a:b@broker/v"))

        assert {"amqp://a:b@broker/v"} == {
            (directory / name / "amqp_uri").read_text() for name in PRINCIPALS
        }


class TestServiceDatabaseUri:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("mongodb://h:1", "mongodb://h:1/d"),
            ("mongodb://u:p@h:1", "mongodb://u:p@h:1/d?authSource=admin"),
            ("mongodb://u:p@h/x?a=b", "mongodb://u:p@h/d?a=b&authSource=x"),
            ("mongodb://u:p@h/?authSource=x", "mongodb://u:p@h/d?authSource=x"),
        ],
    )
    def test_keeps_server_and_credentials(self, given, expected):
        assert expected == service_database_uri(given, "d")


class TestBrokerUsers:
    def test_are_hashed_as_rabbitmq_does_it(self):
        salt = bytes.fromhex("908dc60a")
        hashed = base64.b64decode(hash_broker_password("test12", salt))

        # The example of RabbitMQ's documentation on passwords.
        assert "908dc60a" == hashed[:4].hex()
        assert hashlib.sha256(salt + b"test12").digest() == hashed[4:]

    def test_are_added_to_the_committed_definitions(self, directory, tmp_path):
        common = tmp_path / "common.json"
        common.write_text('{"vhosts": [{"name": "rapport"}]}')
        target = tmp_path / "rendered" / "definitions.json"

        render_definitions(directory, common, target)
        definitions = json.loads(target.read_text())

        assert [{"name": "rapport"}] == definitions["vhosts"]
        assert set(PRINCIPALS) == {user["name"] for user in definitions["users"]}
        assert not any("password" in user for user in definitions["users"])


class TestMain:
    def test_fills_the_volumes_of_an_init_job(self, tmp_path):
        main(
            [
                *(
                    str(tmp_path),
                    "--amqp",
                    "rabbitmq:5672",
                    "--mongodb",
                    "mongodb:27017",
                ),
                *("--redis", "redis:6379", "--redis-state", "redis-state:6379"),
            ]
        )

        uri = (tmp_path / "gateway" / "amqp_uri").read_text()

        assert uri.startswith("pyamqp://gateway:")
        assert uri.endswith("@rabbitmq:5672/rapport")
