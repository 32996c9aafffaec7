"""``nameko shell`` against the stack, with the operator's rights."""

from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from nameko.cli import shell
from nameko.constants import AMQP_URI_CONFIG_KEY
from nameko.standalone.events import event_dispatcher
from nameko.standalone.rpc import ClusterRpcProxy

from stack.control import Supervisor
from stack.errors import StackError
from stack.operator_shell import DeadLetterVerbs, OutboxVerbs
from stack.paths import StatePaths
from stack.principals import OPERATOR
from stack.private_files import read_json
from stack.signing_keys import operator_signer

__all__ = ["mask_password", "run_shell"]

_LIFETIME_S: Final = 8 * 3_600
_ANSWER_TIMEOUT_S: Final = 30


def run_shell(paths: StatePaths, org_id: str | None) -> None:
    """Open Nameko's shell; reads commands from standard input if that is no terminal.

    Calls carry the operator's token for one organization, the demo's unless
    another is named. ``n.rpc.sales.get_lead(lead_id=...)`` works as in the
    stock shell.

    Raises:
        StackError: The stack does not run, or has no organization yet.
    """
    if not Supervisor(paths).is_running():
        raise StackError("The stack is not running. Start it with `./crm up`.")
    org = org_id or (read_json(paths.secrets / "demo.json") or {}).get("org_id")
    if not org:
        raise StackError("There is no demo organization. Name one with `--org`.")
    uri = (paths.secrets_of(OPERATOR) / "amqp_uri").read_text().strip()
    token = operator_signer(paths).sign_as_self(org, _LIFETIME_S)
    helper = _make_helper({AMQP_URI_CONFIG_KEY: uri}, token)
    banner = (
        f"Nameko shell on {mask_password(uri)}, as the operator in organization {org}\n"
        "n: calls and events; dlq: dead letters; outbox: events on their way. Type one."
    )
    names = {"n": helper, "dlq": DeadLetterVerbs(paths), "outbox": OutboxVerbs(paths)}
    shell.ShellRunner(banner, names).start_shell(name=None)


def mask_password(uri: str) -> str:
    """The URI as it may be shown on a screen."""
    parts = urlsplit(uri)
    place = f"{parts.username}@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=place))


def _make_helper(config: dict[str, Any], token: str) -> ModuleType:
    """As ``nameko.cli.shell.make_nameko_helper``, but saying who calls."""
    helper = ModuleType("nameko")
    helper.__doc__ = shell.make_nameko_helper.__doc__
    proxy = ClusterRpcProxy(
        config, context_data={"auth_token": token}, timeout=_ANSWER_TIMEOUT_S
    )
    members = {
        "rpc": proxy.start(),
        "dispatch_event": event_dispatcher(config),
        "config": config,
        "disconnect": proxy.stop,
    }
    for name, value in members.items():
        setattr(helper, name, value)
    return helper
