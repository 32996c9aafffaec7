"""Calls from one service to another, within the time that is left.

One client per process, the gateway's own (``chassis.rpc_client``). A nested
call hands on the caller's token, operation and deadline; a handler or timer,
which has no caller, signs for itself as its service.
"""

import time
from typing import Any, Final

from nameko.extensions import DependencyProvider, SharedExtension

from chassis.context import Context, context_of
from chassis.effects import read_effects
from chassis.rpc_client import RpcClient
from chassis.signer import Signer
from chassis.signing import own_signer

__all__ = ["BusClient", "Remote", "RemoteService"]

_MAX_CALL_S: Final = 5.0
_CONNECT_S: Final = 5.0
# What a caller keeps for itself, to answer before its own deadline.
_MARGIN_S: Final = 0.2


class BusClient(SharedExtension):  # type: ignore[misc]
    """The process's one client."""

    def setup(self) -> None:
        """Prepare; nothing is connected yet."""
        name = self.container.service_name
        self.client = RpcClient(self.container.config["AMQP_URI"], name)

    def start(self) -> None:
        """Connect, so that whoever calls first need not wait for it."""
        self.client.connect(_CONNECT_S)

    def stop(self) -> None:
        """Disconnect."""
        self.client.close()

    def kill(self) -> None:
        """Disconnect."""
        self.client.close()


class Remote:
    """Another service, as seen from one worker."""

    def __init__(
        self, service: str, client: RpcClient, signer: Signer, context: Context
    ) -> None:
        self._service = service
        self._client = client
        self._signer = signer
        self._context = context

    def call(self, method: str, org_id: str | None = None, **arguments: Any) -> Any:
        """Call and wait for the result.

        Args:
            method: An rpc of the service.
            org_id: Whom a timer acts for; otherwise the context says.
            arguments: The rpc's keyword arguments.

        Raises:
            WireError: What the service answered, or ``service_unavailable``,
                or ``deadline_exceeded``.
        """
        context = self._context
        left_s = min(context.deadline - time.time() - _MARGIN_S, _MAX_CALL_S)
        token = context.token
        if token is None:
            token = self._signer.sign_as_self(org_id or str(context.org_id))
        headers = {
            "auth_token": token,
            "deadline": str(time.time() + left_s),
            "operation_id": context.operation_id,
            "request_id": context.request_id,
            "traceparent": context.traceparent,
        }
        reply = self._client.call(
            self._service,
            method,
            kwargs=arguments,
            context=headers,
            timeout_s=max(left_s, 0.0),
        )
        for effect in read_effects(reply.headers):
            context.effects[effect.record_id] = effect
        return reply.result


class RemoteService(DependencyProvider):  # type: ignore[misc]
    """Injects a :class:`Remote` for the named service."""

    shared = BusClient()

    def __init__(self, service: str) -> None:
        self._service = service

    def setup(self) -> None:
        """Load the key with which the process acts for nobody else."""
        self._signer = own_signer()

    def get_dependency(self, worker_ctx: Any) -> Remote:
        """One per worker."""
        return Remote(
            self._service,
            self.shared.client,
            self._signer,
            context_of(worker_ctx),
        )
