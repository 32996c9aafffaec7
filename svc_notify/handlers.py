"""The events role of svc_notify: it turns events into messages."""

from typing import Any

from chassis import inject
from chassis.calling import Remote, RemoteService
from chassis.context import Context
from chassis.errors import ConflictError
from chassis.handling import event_handler
from chassis.ids import derive_id
from chassis.mongo import Repositories
from chassis.signing import CurrentContext
from svc_notify import domain
from svc_notify.clients import (
    Mailer,
    MailRefusedError,
    MailServer,
    MailUnavailableError,
)
from svc_notify.domain import Delivery, DeliveryStatus
from svc_notify.repository import DeliveryRepository

__all__ = ["NotifyEvents"]


class NotifyEvents:
    """Sends what events call for."""

    name = "notify"

    context: Context = inject(CurrentContext())
    auth: Remote = inject(RemoteService("auth"))
    mailer: Mailer = inject(MailServer())
    deliveries: DeliveryRepository = inject(Repositories(DeliveryRepository))

    @event_handler("auth", "org_registered")
    def on_org_registered(self, event: dict[str, Any]) -> None:
        """Welcome the owner of a new organization by e-mail.

        Idempotent: one delivery per event, template and recipient, for ever.
        The address comes from svc_auth at the moment of use. If the mail
        server is away the event is retried, and after the last attempt the
        delivery is ``failed`` and the event a dead letter; if this process dies
        while it sends, the delivery ends as ``unknown``.

        Raises:
            MailUnavailableError: To be retried.
            WireError: svc_auth did not answer; to be retried.
        """
        person = self.auth.call("get_person", person_id=event["data"]["owner_id"])
        text = domain.welcome_text(person["name"])
        self._send_once(self._delivery(event, "welcome", person), *text)

    @event_handler("auth", "challenge_issued")
    def on_challenge_issued(self, event: dict[str, Any]) -> None:
        """Send the link that proves who reads what is sent to an address.

        Idempotent as above. Recipient and link come from svc_auth at the moment
        of use; if nobody has the address, or it is too late, nothing is sent.

        Raises:
            MailUnavailableError: To be retried.
            WireError: svc_auth did not answer; to be retried.
        """
        challenge_id = event["aggregate"]["id"]
        mail = self.auth.call("prepare_challenge", challenge_id=challenge_id)
        if mail is None:
            return
        person = {"id": mail["recipient_id"], "email": mail["recipient"]}
        text = domain.challenge_text(mail)
        self._send_once(self._delivery(event, mail["kind"], person), *text)

    def _send_once(self, delivery: Delivery, subject: str, text: str) -> None:
        try:
            delivery = self._save(domain.begin_sending(delivery, self.context.now()))
        except ConflictError:
            return
        if delivery.status is DeliveryStatus.SENDING:
            self._send(delivery, subject, text)

    def _delivery(
        self, event: dict[str, Any], template: str, person: dict[str, Any]
    ) -> Delivery:
        delivery_id = derive_id(event["id"], f"{template}:{person['id']}")
        found = self.deliveries.find(delivery_id)
        if found is not None:
            return found
        now = self.context.now()
        return self.deliveries.add(
            Delivery(
                id=delivery_id,
                channel="email",
                template=template,
                recipient=person["email"],
                recipient_id=person["id"],
                event_id=event["id"],
                created_at=now,
                updated_at=now,
            )
        )

    def _send(self, delivery: Delivery, subject: str, text: str) -> None:
        try:
            self.mailer.send(delivery.id, delivery.recipient, subject, text)
        except MailRefusedError as error:
            self._save(domain.failed(delivery, str(error), self.context.now()))
        except MailUnavailableError as error:
            outcome = domain.put_back
            if self.context.is_last_attempt:
                outcome = domain.failed
            self._save(outcome(delivery, str(error), self.context.now()))
            raise
        else:
            self._save(domain.sent(delivery, self.context.now()))

    def _save(self, delivery: Delivery) -> Delivery:
        saved = self.deliveries.save(delivery)
        if saved is None:
            raise ConflictError("delivery_is_done", "Another process has it.")
        return saved
