"""RPCs of interactions."""

from typing import Any

from chassis.idempotency import idempotent
from chassis.rpc import rpc
from chassis.schemas import load
from svc_customer import events
from svc_customer.domain.interactions import Interaction, new_interaction
from svc_customer.schemas.interactions import CreateInteractionInput, InteractionView
from svc_customer.service.dependencies import Dependencies

__all__ = ["InteractionMethods"]


def _view(interaction: Interaction) -> dict[str, Any]:
    view: dict[str, Any] = InteractionView().dump(interaction)
    return view


class InteractionMethods(Dependencies):
    """What can be done with the timeline."""

    @rpc
    @idempotent
    def create_interaction(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Record something that happened with a customer, and announce it.

        Needs the ``interactions:write`` permission.

        Args:
            payload: A ``CreateInteractionInput``.

        Returns:
            An ``InteractionView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ConflictError: ``duplicate_value``: an external id is taken.

        Emits:
            ``customer.interaction_recorded`` v1.
        """
        caller = self.permitted("interactions:write")
        data = load(CreateInteractionInput(), payload)
        self.check_references(data)
        interaction = new_interaction(
            self.operation.new_id("interaction"),
            data,
            self.owner(caller),
            self.context.now(),
        )
        event = events.interaction_recorded(interaction)
        return _view(self.interactions.add(interaction, event))

    @rpc
    def get_interaction(self, *, interaction_id: str) -> dict[str, Any]:
        """One entry of the timeline.

        Needs the ``interactions:read`` permission.

        Returns:
            An ``InteractionView``.

        Raises:
            NotFoundError: ``interaction_not_found``.
        """
        self.permitted("interactions:read")
        return _view(self.interactions.get(interaction_id))

    @rpc
    def list_interactions(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of interactions.

        Needs the ``interactions:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [InteractionView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        self.permitted("interactions:read")
        return self.interactions.page(query).view(_view)
