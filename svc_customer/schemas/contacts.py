"""Contacts on the wire."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from marshmallow import (
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from chassis.mailboxes import address_key
from chassis.schemas import Email, Flag, Id, Input, Text
from svc_customer.domain.contacts import (
    EMAIL_VALIDITIES,
    MOST_ACCOUNTS,
    PHONE_VALIDITIES,
    ContactAccount,
    EmailAddress,
    PhoneNumber,
    is_identified,
)
from svc_customer.schemas.records import (
    AddressInput,
    AddressView,
    DialedNumber,
    RecordInput,
    RecordView,
)

__all__ = ["ContactView", "CreateContactInput", "UpdateContactInput"]

_SHORT_AND_FULL: Final = (
    ("email", "emails"),
    ("phone", "phones"),
    ("account_id", "accounts"),
)
_SEVERAL: Final = validate.Length(max=20)


class EmailInput(Input):
    """One e-mail address."""

    address = Email(required=True, keeps_domain=True)
    type = Text(30, load_default="work")
    is_primary = Flag(load_default=False)
    validity = fields.String(
        load_default="unverified", validate=validate.OneOf(EMAIL_VALIDITIES)
    )


class PhoneInput(Input):
    """One phone number.

    Attributes:
        e164: Taken as it was shown, and found out anew; so is ``validity``.
    """

    number = DialedNumber(required=True)
    type = Text(30, load_default="work")
    is_primary = Flag(load_default=False)
    e164 = fields.String(allow_none=True, validate=validate.Length(max=16))
    validity = fields.String(validate=validate.OneOf(PHONE_VALIDITIES))

    @post_load
    def _typed(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        read = ("e164", "validity")
        return {name: value for name, value in data.items() if name not in read}


class ContactAccountInput(Input):
    """An account that somebody belongs to."""

    account_id = Id(required=True)
    role = Text(100, load_default=None, allow_none=True)
    is_primary = Flag(load_default=False)


class UpdateContactInput(RecordInput):
    """A merge patch (RFC 7396) of a contact.

    ``email``, ``phone`` and ``account_id`` are the primary ones; the others of
    their lists stay. A list replaces all there was, and cannot be given together
    with its primary.

    Attributes:
        email: Takes the place of the primary address, with its ``type``; one of
            the others becomes primary. Null takes the primary one away, and the
            next becomes primary.
        phone: The same of the primary number.
        emails: All of them, each once.
    """

    example: ClassVar[dict[str, Any]] = {
        "job_title": "Head of research",
        "phone": None,
    }

    lists = RecordInput.lists | {"emails", "phones", "accounts", "addresses"}

    first_name = Text(100, allow_none=True)
    last_name = Text(100, allow_none=True)
    email = Email(allow_none=True, keeps_domain=True)
    phone = DialedNumber(allow_none=True)
    emails = fields.List(fields.Nested(EmailInput), allow_none=True, validate=_SEVERAL)
    phones = fields.List(fields.Nested(PhoneInput), allow_none=True, validate=_SEVERAL)
    job_title = Text(100, allow_none=True)
    account_id = Id(allow_none=True)
    accounts = fields.List(
        fields.Nested(ContactAccountInput),
        allow_none=True,
        validate=validate.Length(max=MOST_ACCOUNTS),
    )
    do_not_contact = Flag()
    addresses = fields.List(
        fields.Nested(AddressInput), allow_none=True, validate=_SEVERAL
    )

    @validates_schema
    def _one_way_to_say_it(self, data: dict[str, Any], **_: Any) -> None:
        for short, full in _SHORT_AND_FULL:
            if short in data and full in data:
                raise ValidationError(f"Not together with {full}.", short)
            if sum(each["is_primary"] for each in data.get(full) or ()) > 1:
                raise ValidationError("Only one can be primary.", full)

    @validates_schema
    def _each_once(self, data: dict[str, Any], **_: Any) -> None:
        named = [each["account_id"] for each in data.get("accounts") or ()]
        if len(set(named)) < len(named):
            raise ValidationError("Each account once.", "accounts")
        keys = [address_key(each["address"]) for each in data.get("emails") or ()]
        if len(set(keys)) < len(keys):
            raise ValidationError("Each address once.", "emails")

    @post_load
    def _values(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "emails" in data:
            data["emails"] = _with_primary(data["emails"] or (), EmailAddress)
        if "phones" in data:
            data["phones"] = _with_primary(data["phones"] or (), PhoneNumber)
        if "accounts" in data:
            data["accounts"] = _with_primary(data["accounts"] or (), ContactAccount)
        return data


def _with_primary(entries: Sequence[dict[str, Any]], value: Any) -> tuple[Any, ...]:
    """The first entry is the primary one unless another says so."""
    if entries and not any(entry.get("is_primary") for entry in entries):
        entries = [{**entries[0], "is_primary": True}, *entries[1:]]
    return tuple(value(**entry) for entry in entries)


class CreateContactInput(UpdateContactInput):
    """A new contact; a last name or an e-mail address is enough.

    ``email``, ``phone`` and ``account_id`` are shorthand for a list with one
    primary entry.
    """

    example: ClassVar[dict[str, Any]] = {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "phone": "+44 20 7946 0000",
        "lifecycle_stage": "lead",
    }

    @validates_schema
    def _identified(self, data: dict[str, Any], **_: Any) -> None:
        if not (data.get("email") or is_identified(data)):
            raise ValidationError("Either last_name or email is needed.", "last_name")


class EmailView(Schema):
    """One e-mail address."""

    address = fields.String()
    type = fields.String()
    is_primary = fields.Boolean()
    validity = fields.String(validate=validate.OneOf(EMAIL_VALIDITIES))


class PhoneView(Schema):
    """One phone number."""

    number = fields.String()
    type = fields.String()
    is_primary = fields.Boolean()
    e164 = fields.String(
        allow_none=True,
        metadata={"description": "The number as it is dialed from abroad."},
    )
    validity = fields.String(
        validate=validate.OneOf(PHONE_VALIDITIES),
        metadata={
            "description": "`unknown` for a number that names no country, where the "
            "record has no address in one either."
        },
    )


class ContactAccountView(Schema):
    """An account that somebody belongs to."""

    account_id = Id()
    role = fields.String(allow_none=True)
    is_primary = fields.Boolean()


class ContactView(RecordView):
    """A contact."""

    first_name = fields.String(allow_none=True)
    last_name = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    emails = fields.List(fields.Nested(EmailView))
    phones = fields.List(fields.Nested(PhoneView))
    job_title = fields.String(allow_none=True)
    account_id = Id(
        allow_none=True, metadata={"description": "The primary one of `accounts`."}
    )
    accounts = fields.List(fields.Nested(ContactAccountView))
    do_not_contact = fields.Boolean()
    addresses = fields.List(fields.Nested(AddressView))
