"""Deliveries: one message to one recipient, and what became of it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chassis.errors import ConflictError

__all__ = [
    "Delivery",
    "DeliveryStatus",
    "begin_sending",
    "challenge_text",
    "failed",
    "put_back",
    "sent",
    "welcome_text",
]


_CHALLENGES: Final = {
    "password_reset": (
        "Set a new password",
        "to set a new password, as somebody has asked, follow this link in an hour:",
        "If it was not you, ignore this message: your password stays as it is.",
    ),
    "email_verification": (
        "Confirm your e-mail address",
        "if this is your e-mail address, follow this link within three days:",
        "If you did not ask for it, ignore this message.",
    ),
    "email_change": (
        "Confirm your new e-mail address",
        "to log in with this address from now on, follow this link within a day:",
        "If you did not ask for it, ignore this message: nothing changes.",
    ),
    "invitation": (
        "You are invited to Rapport",
        "{inviter} invites you to work with {org}. Follow this link within a week:",
        "If you do not want to, ignore this message.",
    ),
}


_NOTICES: Final = {
    "password_changed": (
        "Your password was changed",
        "the password that you log in with was changed, and other sessions ended.",
    ),
    "email_changed": (
        "Your e-mail address was changed",
        "from now on you log in with another e-mail address than this one.",
    ),
    "second_factor_changed": (
        "Your second factor was changed",
        "the second factor of your login has changed, and other sessions ended.",
    ),
}


class DeliveryStatus(StrEnum):
    """What became of a message.

    ``failed``: the mail server refused it, or all attempts ran out; an operator
    may have it tried again. ``unknown``: the process died while it was sending;
    the message may have arrived. E-mail cannot be exactly once, so this is said,
    not guessed.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message to one recipient."""

    id: str
    channel: str
    template: str
    recipient: str
    recipient_id: str
    event_id: str
    status: DeliveryStatus = DeliveryStatus.QUEUED
    attempts: int = 0
    error: str | None = None
    sent_at: datetime | None = None
    owner_id: str | None = None
    team_ids: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1
    sequence: int = 0


def begin_sending(delivery: Delivery, now: datetime) -> Delivery:
    """The delivery, about to be handed to the mail server.

    One that was ``sending`` already belongs to an attempt that died: it
    becomes ``unknown`` and is not sent again by itself.

    Raises:
        ConflictError: ``delivery_is_done``.
    """
    if delivery.status is DeliveryStatus.SENDING:
        return _moved(delivery, DeliveryStatus.UNKNOWN, now)
    if delivery.status not in {DeliveryStatus.QUEUED, DeliveryStatus.FAILED}:
        raise ConflictError("delivery_is_done", f"It is {delivery.status}.")
    sending = _moved(delivery, DeliveryStatus.SENDING, now)
    return dataclasses.replace(sending, attempts=delivery.attempts + 1)


def sent(delivery: Delivery, now: datetime) -> Delivery:
    """The delivery, accepted by the mail server."""
    return dataclasses.replace(
        _moved(delivery, DeliveryStatus.SENT, now), sent_at=now, error=None
    )


def put_back(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """The delivery, to be tried again later."""
    return dataclasses.replace(
        _moved(delivery, DeliveryStatus.QUEUED, now), error=reason
    )


def failed(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """The delivery, not sent and not to be tried again by itself."""
    return dataclasses.replace(
        _moved(delivery, DeliveryStatus.FAILED, now), error=reason
    )


def welcome_text(name: str) -> tuple[str, str]:
    """Subject and text of the message to the owner of a new organization."""
    text = (
        f"Hello {name},\n\n"
        "your organization is ready. Log in with this e-mail address and the "
        "password that you chose.\n\n"
        "If you did not register, you can ignore this message.\n"
    )
    return "Welcome to Rapport", text


def challenge_text(mail: Mapping[str, str]) -> tuple[str, str]:
    """Subject and text of a message with a link that proves who reads it.

    Args:
        mail: ``kind``, ``name`` and, but for notices, ``link``; of an
            invitation also ``org`` and ``inviter``.
    """
    if mail["kind"] in _NOTICES:
        subject, what = _NOTICES[mail["kind"]]
        return subject, (
            f"Hello {mail['name']},\n\n{what}\n\n"
            "If it was not you, set a new password at once.\n"
        )
    subject, why, otherwise = _CHALLENGES[mail["kind"]]
    return subject, (
        f"Hello {mail['name']},\n\n{why.format_map(mail)}\n\n{mail['link']}\n\n"
        f"The link is good once. {otherwise}\n"
    )


def _moved(delivery: Delivery, status: DeliveryStatus, now: datetime) -> Delivery:
    later = max(now, delivery.updated_at + timedelta(milliseconds=1))
    return dataclasses.replace(delivery, status=status, updated_at=later)
