"""The rpc role of svc_notify."""

from typing import Any, Final

from chassis import inject
from chassis.context import Context
from chassis.mongo import Repositories
from chassis.rpc import rpc
from chassis.signing import CurrentContext
from svc_notify.domain import Delivery
from svc_notify.repository import DeliveryRepository
from svc_notify.schemas import DeliveryView

__all__ = ["NotifyService"]

_VIEW: Final = DeliveryView()


def _view(delivery: Delivery) -> dict[str, Any]:
    view: dict[str, Any] = _VIEW.dump(delivery)
    return view


class NotifyService:
    """Messages to people, each of them on record."""

    name = "notify"

    context: Context = inject(CurrentContext())
    deliveries: DeliveryRepository = inject(Repositories(DeliveryRepository))

    @rpc(public=True)
    def check_health(self) -> dict[str, str]:
        """Answer, which shows that requests get through to a worker."""
        return {"status": "ok"}

    @rpc
    def get_delivery(self, *, delivery_id: str) -> dict[str, Any]:
        """One delivery.

        Needs the ``deliveries:read`` permission.

        Returns:
            A ``DeliveryView``.

        Raises:
            NotFoundError: ``delivery_not_found``.
        """
        self.context.identified_caller.require("deliveries:read")
        return _view(self.deliveries.get(delivery_id))

    @rpc
    def list_deliveries(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of deliveries.

        Needs the ``deliveries:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [DeliveryView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        self.context.identified_caller.require("deliveries:read")
        return self.deliveries.page(query, _VIEW.fields).view(_view)
