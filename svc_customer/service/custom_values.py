"""Records with values of custom fields: how they are read, checked and shown."""

from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol, TypeVar

import orjson
from marshmallow import ValidationError

from chassis.errors import FieldError, invalid_input
from chassis.merge_patch import merge
from chassis.repository import Repository
from chassis.resources import Kind, Records, Worker
from chassis.schemas import field_errors
from svc_customer.domain.custom_fields import CustomField
from svc_customer.domain.records import CustomerRecord
from svc_customer.repository.accounts import AccountRepository
from svc_customer.repository.contacts import ContactRepository
from svc_customer.repository.custom_fields import CustomFieldRepository
from svc_customer.repository.custom_values import found_by, unique_keys
from svc_customer.schemas.custom_values import read_custom_value

__all__ = ["CustomReader", "CustomizedRecords", "Customizer", "values_to_match"]

Customer = TypeVar("Customer", bound=CustomerRecord)

_LONGEST_NAME: Final = 100
# A list shows two hundred records at once, and a record keeps what it was like
# until that is in the log.
_MAX_SIZE: Final = 65_536


class Customizer(Worker, Protocol):
    """What is needed of the service besides."""

    @property
    def accounts(self) -> AccountRepository: ...  # noqa: D102
    @property
    def contacts(self) -> ContactRepository: ...  # noqa: D102
    @property
    def custom_fields(self) -> CustomFieldRepository: ...  # noqa: D102


def values_to_match(name: str, data: Mapping[str, Any]) -> list[str]:
    """The unique value of ``custom.<key>`` in the data of a new record."""
    prefix, _, key = name.partition(".")
    keys: tuple[str, ...] = data.get("custom_keys", ()) if prefix == "custom" else ()
    return [each for each in keys if each.startswith(f"{key}:")]


class CustomizedRecords(Records[Customer]):
    """Accounts or contacts, in the hands of one worker.

    Definitions are read by whatever makes a record, writes or filters by custom
    values, or shows a record that has some; by nothing else.
    """

    def __init__(
        self, kind: Kind[Customer], repository: Repository[Customer], worker: Customizer
    ) -> None:
        super().__init__(kind, repository, worker)
        self._custom = CustomReader(repository.resource, worker)

    def read_new(self, payload: Any) -> dict[str, Any]:
        """The data of a new record, with the defaults of its custom fields.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
        """
        data = super().read_new(payload)
        return data | self._custom.new(data.pop("custom", None) or {})

    def read_patch(
        self, record: Customer, payload: Mapping[str, Any], *, is_back: bool = False
    ) -> dict[str, Any]:
        """What a merge patch makes of a record's fields.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
        """
        patch = super().read_patch(record, payload, is_back=is_back)
        if "custom" not in patch:
            return patch
        del patch["custom"]
        return patch | self._custom.patched(record.custom, payload["custom"])

    def data_to_match(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What a patch says of a record, to find the one that it is about.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
        """
        data = super().data_to_match(payload)
        if "custom" not in data:
            return data
        del data["custom"]
        return data | self._custom.patched({}, payload["custom"])

    def whole(self, record: Customer) -> dict[str, Any]:
        """Everything that there is to show, without values of archived fields."""
        view = super().whole(record)
        if record.custom:
            view["custom"] = self._custom.visible(record.custom)
        return view


class CustomReader:
    """Reads values by an organization's definitions for one resource."""

    def __init__(self, resource: str, worker: Customizer) -> None:
        self._resource = resource
        self._worker = worker

    def new(
        self, given: Mapping[str, Any], *, is_complete: bool = True
    ) -> dict[str, Any]:
        """Fields of a new record that has these values, and others by default.

        Args:
            given: By key, as they came.
            is_complete: Whether required ones have to be there.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
        """
        live = self._live()
        defaults = {
            key: field.default
            for key, field in live.items()
            if field.default is not None
        }
        needed = live.keys() if is_complete else ()
        return self._stored(self._read({}, {**defaults, **given}, needed))

    def patched(
        self, current: Mapping[str, Any], given: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """What differs in a record after a merge patch of its values.

        Args:
            current: All values that it has, also of archived fields.
            given: By key, as they came; None takes every value away.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
        """
        if given is None:
            given = dict.fromkeys(self.visible(current))
        values = self._read(current, given, given.keys())
        return {} if values == current else self._stored(values)

    def visible(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of live fields."""
        hidden = self._worker.custom_fields.hidden_keys(self._resource)
        return {key: value for key, value in values.items() if key not in hidden}

    def _live(self) -> dict[str, CustomField]:
        found = self._worker.custom_fields.of(self._resource)
        return {field.key: field for field in found if field.archived_at is None}

    def _read(
        self,
        current: Mapping[str, Any],
        given: Mapping[str, Any],
        needed: Collection[str],
    ) -> dict[str, Any]:
        live, values = self._live(), dict(current)
        errors: list[FieldError] = []
        for key, value in given.items():
            try:
                _put(values, live.get(key), key, value)
            except ValidationError as error:
                errors += field_errors(error.messages, _name(key))
        wrong = {each["field"] for each in errors}
        errors += [
            {"field": _name(key), "code": "required", "message": "Needed."}
            for key, field in live.items()
            if field.required and key in needed and key not in values
            if _name(key) not in wrong
        ]
        if not errors and len(orjson.dumps(values)) > _MAX_SIZE:
            message = f"All values together take at most {_MAX_SIZE} bytes."
            errors = [{"field": "custom", "code": "invalid", "message": message}]
        if errors:
            raise invalid_input(errors)
        self._check_references(values, current, live)
        return values

    def _check_references(
        self,
        values: Mapping[str, Any],
        current: Mapping[str, Any],
        live: Mapping[str, CustomField],
    ) -> None:
        finders = {
            "accounts": self._worker.accounts.find,
            "contacts": self._worker.contacts.find,
        }
        missing = [
            key
            for key, field in live.items()
            if field.reference_to and key in values
            if values[key] != current.get(key)
            if finders[field.reference_to](values[key]) is None
        ]
        if missing:
            raise invalid_input(
                [
                    {"field": _name(key), "code": "reference_not_found"}
                    for key in missing
                ],
                "reference_not_found",
                "This refers to something that is not there.",
            )

    def _stored(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values, and what follows from them: by what the record is found."""
        fields = self._worker.custom_fields.of(self._resource)
        currency = self._worker.context.identified_caller.currency
        return {
            "custom": values,
            "custom_index": found_by(fields, values, currency),
            "custom_keys": unique_keys(fields, values),
        }


def _put(
    values: dict[str, Any], field: CustomField | None, key: str, value: Any
) -> None:
    if field is None:
        raise ValidationError("Unknown field.")
    if value is None or value == []:
        values.pop(key, None)
    else:
        current = values.get(key)
        values[key] = read_custom_value(field, merge(current, value), current)


def _name(key: str) -> str:
    return f"custom.{key}"[:_LONGEST_NAME]
