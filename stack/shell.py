"""``nameko shell`` against the stack, with the operator's rights."""

from types import ModuleType, SimpleNamespace
from typing import Any, Final

from nameko.cli import shell
from nameko.constants import AMQP_URI_CONFIG_KEY
from nameko.standalone.events import event_dispatcher
from nameko.standalone.rpc import ClusterRpcProxy

from chassis.auth import KeySet, Signer
from stack.control import Supervisor
from stack.errors import StackError
from stack.paths import StatePaths
from stack.principals import OPERATOR
from stack.private_files import read_json
from stack.settings import Settings

__all__ = ["run_shell"]

_LIFETIME_S: Final = 8 * 3_600


def run_shell(paths: StatePaths, org_id: str | None) -> None:
    """Open Nameko's shell; reads commands from standard input if that is no terminal.

    Calls carry the operator's token for one organisation, the demo's unless
    another is named. ``n.rpc.sales.get_lead(lead_id=...)`` works as in the
    stock shell.

    Raises:
        StackError: The stack does not run, or has no organisation yet.
    """
    if not Supervisor(paths).is_running():
        raise StackError("The stack is not running. Start it with `./crm up`.")
    org = org_id or (read_json(paths.secrets / "demo.json") or {}).get("org_id")
    if not org:
        raise StackError("There is no demo organisation. Name one with `--org`.")
    uri = (paths.secrets_of(OPERATOR) / "amqp_uri").read_text().strip()
    token = _operator_token(paths, org)

    def make_helper(config: dict[str, Any]) -> ModuleType:
        return _make_helper(config, token)

    shell.make_nameko_helper = make_helper
    shell.main(SimpleNamespace(config=None, broker=uri, interface=None))


def _operator_token(paths: StatePaths, org_id: str) -> str:
    directory = paths.secrets_of(OPERATOR)
    port = Settings.load(paths).gateway_port
    signer = Signer(
        directory / "signing_key.pem",
        KeySet.load(directory / "jwks.json"),
        f"http://127.0.0.1:{port}",
    )
    return signer.sign_as_self(org_id, _LIFETIME_S)


def _make_helper(config: dict[str, Any], token: str) -> ModuleType:
    """As ``nameko.cli.shell.make_nameko_helper``, but saying who calls."""
    helper = ModuleType("nameko")
    helper.__doc__ = shell.make_nameko_helper.__doc__
    proxy = ClusterRpcProxy(config, context_data={"auth_token": token})
    members = {
        "rpc": proxy.start(),
        "dispatch_event": event_dispatcher(config),
        "config": {AMQP_URI_CONFIG_KEY: config[AMQP_URI_CONFIG_KEY]},
        "disconnect": proxy.stop,
    }
    for name, value in members.items():
        setattr(helper, name, value)
    return helper
