"""``./crm keys``: change the key that signs access tokens, while all runs."""

import argparse
import json
from collections.abc import Callable
from typing import Any, Final

from chassis.errors import RemoteError, WireError
from chassis.key_set import KeySet
from chassis.rpc_client import RpcClient
from chassis.signer import Signer
from stack.broker import operator_uri
from stack.errors import StackError
from stack.paths import StatePaths, state_paths
from stack.principals import OPERATOR
from stack.settings import Settings
from svc_auth.domain.signing_keys import SYSTEM_ORG_ID

__all__ = ["add_key_commands", "operator_signer"]

_TIMEOUT_S: Final = 10.0
_NOTICE_S: Final = 60

# As argparse's subparsers give it: name, what to run, what it does.
Add = Callable[[str, Callable[[Any], int], str], argparse.ArgumentParser]


def operator_signer(paths: StatePaths) -> Signer:
    """Signs tokens for the operator of the stack."""
    directory = paths.secrets_of(OPERATOR)
    url = Settings.load(paths).public_url
    keys = KeySet.load(directory / "jwks.json", url)
    return Signer(directory / "signing_key.pem", keys)


def add_key_commands(add: Add) -> None:
    """Add them to the parser behind ``./crm``."""
    keys = add("keys", _list, "see and change the keys that sign access tokens")
    verbs = keys.add_subparsers(required=True, metavar="verb")

    def verb(name: str, run: Callable[[Any], int], does: str) -> Any:
        added = verbs.add_parser(name, help=does, description=does)
        added.set_defaults(run=run)
        added.add_argument("--json", action="store_true", help="for programs")
        return added

    verb("list", _list, "a line for each, with what it does now")
    rotate = verb("rotate", _rotate, "make a new one, which signs in a while")
    rotate.add_argument(
        "--after",
        type=int,
        default=_NOTICE_S,
        metavar="SECONDS",
        help=f"until it signs, so that everybody knows it by then ({_NOTICE_S})",
    )
    retire = verb("retire", _retire, "refuse everything that one has signed, at once")
    retire.add_argument("key_id")


def _list(given: argparse.Namespace) -> int:
    return _show(_call("list_signing_keys"), given)


def _rotate(given: argparse.Namespace) -> int:
    return _show(_call("rotate_signing_key", after_s=given.after), given)


def _retire(given: argparse.Namespace) -> int:
    return _show(_call("retire_signing_key", key_id=given.key_id), given)


def _call(method: str, **arguments: Any) -> list[dict[str, Any]]:
    paths = state_paths()
    token = operator_signer(paths).sign_as_self(SYSTEM_ORG_ID)
    client = RpcClient(operator_uri(paths, "amqp_uri"), OPERATOR)
    try:
        reply = client.call(
            "auth",
            method,
            kwargs=arguments,
            context={"auth_token": token},
            timeout_s=_TIMEOUT_S,
        )
    except (WireError, RemoteError) as error:
        raise StackError(f"svc_auth refuses: {error}") from error
    finally:
        client.close()
    keys: list[dict[str, Any]] = reply.result
    return keys


def _show(keys: list[dict[str, Any]], given: argparse.Namespace) -> int:
    if given.json:
        print(json.dumps(keys, indent=2))
        return 0
    if not keys:
        print("The key signs that the stack was set up with. No other was made yet.")
    for key in keys:
        print(f"{key['key_id']:<38}{key['state']:<11}from {key['signs_from']}")
    return 0
