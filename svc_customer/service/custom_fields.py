"""RPCs of custom fields."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from marshmallow import ValidationError

from chassis import inject
from chassis.chronicle import Chronicle
from chassis.errors import invalid_field, invalid_input
from chassis.idempotency import idempotent
from chassis.ids import derive_id
from chassis.jobs import Jobs
from chassis.mongo import Repositories
from chassis.resources import Kind, Records
from chassis.rpc import rpc
from chassis.schemas import field_errors
from svc_customer import events
from svc_customer.domain.custom_fields import (
    CustomField,
    change_custom_field,
    check_room,
    new_custom_field,
)
from svc_customer.jobs.custom_fields import INDEX_JOB
from svc_customer.repository.custom_fields import CustomFieldRepository
from svc_customer.schemas.custom_fields import (
    CreateCustomFieldInput,
    CustomFieldView,
    UpdateCustomFieldInput,
)
from svc_customer.schemas.custom_values import read_custom_value
from svc_customer.service.dependencies import Dependencies

__all__ = ["CustomFieldMethods"]


def _new(
    field_id: str, data: Mapping[str, Any], owner_id: str | None, now: datetime
) -> CustomField:
    return _with_default(new_custom_field(field_id, data, owner_id, now))


def _change(field: CustomField, patch: Mapping[str, Any], now: datetime) -> CustomField:
    return _with_default(change_custom_field(field, patch, now))


def _with_default(field: CustomField) -> CustomField:
    """The field, if its default is a value that a record may have.

    Raises:
        InvalidInputError: ``invalid_input``.
    """
    if field.default is None:
        return field
    if field.unique or field.type == "reference":
        raise invalid_field(
            "invalid_input", "A field like this has no default.", field="default"
        )
    try:
        return replace(field, default=read_custom_value(field, field.default))
    except ValidationError as error:
        raise invalid_input(field_errors(error.messages, "default")) from None


_CUSTOM_FIELD: Final = Kind(
    create_input=CreateCustomFieldInput(),
    update_input=UpdateCustomFieldInput(),
    view=CustomFieldView(),
    make=_new,
    change=_change,
    archive=CustomField.archived,
    restore=CustomField.restored,
    created=events.custom_field_created,
    updated=events.custom_field_updated,
    archived=events.custom_field_archived,
    restored=events.custom_field_restored,
)


class _CustomFields(Records[CustomField]):
    """The definitions, as far as there is room for them."""

    repository: CustomFieldRepository

    def make(self, record_id: str, data: Mapping[str, Any]) -> CustomField:
        """A new field.

        Raises:
            ConflictError: ``too_many_custom_fields``.
        """
        field = super().make(record_id, data)
        self._check_room(field)
        return field

    def read_patch(
        self, record: CustomField, payload: Mapping[str, Any], *, is_back: bool = False
    ) -> dict[str, Any]:
        """What a merge patch makes of a field.

        Raises:
            InvalidInputError: ``invalid_input``.
            ConflictError: ``too_many_custom_fields``.
        """
        patch = super().read_patch(record, payload, is_back=is_back)
        if patch.get("indexed") and not record.indexed:
            self._check_room(replace(record, indexed=True))
        return patch

    def restore(self, record_id: str, expected_version: int | None) -> dict[str, Any]:
        """Bring an archived field back.

        Raises:
            NotFoundError: ``custom_field_not_found``: none is archived.
            ConflictError: ``too_many_custom_fields``.
            VersionConflictError: ``version_conflict``.
        """
        self.permit("write")
        field = self.repository.find(record_id)
        if field is not None:
            self._check_room(field)
        return super().restore(record_id, expected_version)

    def _check_room(self, field: CustomField) -> None:
        known = self.repository.of(field.resource)
        check_room(field, [each for each in known if each.id != field.id])


class CustomFieldMethods(Dependencies):
    """What can be done with the fields that an organization adds."""

    jobs: Jobs = inject(Repositories(Jobs))

    def _custom_fields(self) -> Records[CustomField]:
        return _CustomFields(_CUSTOM_FIELD, self.custom_fields, self)

    @rpc(needs="custom-fields:write")
    @idempotent
    def create_custom_field(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Add a field to accounts or contacts.

        Whatever is written from now on is held to it; records that are there
        have no value of it, whether or not it is required.

        Needs the ``custom-fields:write`` permission.

        Args:
            payload: A ``CreateCustomFieldInput``.

        Returns:
            A ``CustomFieldView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            ConflictError: ``duplicate_value``: there is a field of this key, or
                there was; ``too_many_custom_fields``: a hundred of a resource,
                thirty of them indexed.

        Emits:
            ``customer.custom_field_created`` v1.
        """
        return self._custom_fields().create(payload)

    @rpc
    def get_custom_field(
        self, *, custom_field_id: str, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One custom field, or what it was at a time.

        Needs the ``custom-fields:read`` permission.

        Args:
            custom_field_id: Which one.
            query: A ``PastQuery``.

        Returns:
            A ``CustomFieldView``.

        Raises:
            NotFoundError: ``custom_field_not_found``, also when it is archived, or
                had not been made by then.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``.
        """
        return Chronicle(self._custom_fields()).get(custom_field_id, query)

    @rpc
    def list_custom_field_history(
        self, *, custom_field_id: str, query: dict[str, str]
    ) -> dict[str, Any]:
        """One page of what became of a custom field, archived or not.

        An event is there as soon as its change is answered. What became of the
        values is told by the histories of the records that have them.

        Needs the ``custom-fields:read`` permission.

        Args:
            custom_field_id: Which one.
            query: A ``HistoryQuery``.

        Returns:
            ``{"data": [HistoryItemView], "page": {…}}``.

        Raises:
            NotFoundError: ``custom_field_not_found``.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter`` or
                ``invalid_cursor``.
        """
        return Chronicle(self._custom_fields()).history(custom_field_id, query)

    @rpc
    def list_custom_fields(self, *, query: dict[str, str]) -> dict[str, Any]:
        """The fields that the organization has added.

        Needs the ``custom-fields:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [CustomFieldView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        return self._custom_fields().page(query)

    @rpc(needs="custom-fields:write")
    @idempotent
    def update_custom_field(
        self,
        *,
        custom_field_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Change a custom field; values that records have stay as they are.

        With ``indexed``, records that are there already are made to be found by
        it in the background, which takes ten seconds at least; until its
        ``index_status`` is ``ready``, filters by it are refused. If it is
        ``failed``, saying it once more begins anew.

        Needs the ``custom-fields:write`` permission.

        Args:
            custom_field_id: A live custom field.
            payload: An ``UpdateCustomFieldInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``CustomFieldView``.

        Raises:
            InvalidInputError: ``invalid_input``.
            NotFoundError: ``custom_field_not_found``.
            ConflictError: ``too_many_custom_fields``: thirty are indexed;
                ``too_many_jobs``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``customer.custom_field_updated`` v1, and once more when all records
            are found by it, or cannot be.
        """
        fields = self._custom_fields()

        def update() -> dict[str, Any]:
            return fields.update(custom_field_id, payload, expected_version)

        def update_and_index() -> dict[str, Any]:
            changed = update()
            field = self.custom_fields.find(custom_field_id)
            if field is not None and field.index_status == "building":
                self._start_indexing(field)
            return changed

        if not payload.get("indexed"):
            return update()
        view: dict[str, Any] = self.transaction(update_and_index)
        return view

    def _start_indexing(self, field: CustomField) -> None:
        """Have records found by a field; once for each time that it is begun."""
        build = field.index_build
        arguments = {"custom_field_id": field.id, "build": build}
        self.jobs.add(derive_id(field.id, f"index {build}"), INDEX_JOB, arguments)

    @rpc(needs="custom-fields:write")
    @idempotent
    def archive_custom_field(
        self, *, custom_field_id: str, expected_version: int | None = None
    ) -> None:
        """Put a custom field away; its values are kept, but not shown.

        Needs the ``custom-fields:write`` permission.

        Raises:
            NotFoundError: ``custom_field_not_found``, also when it is archived.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.custom_field_archived`` v1.
        """
        self._custom_fields().archive(custom_field_id, expected_version)

    @rpc(needs="custom-fields:write")
    @idempotent
    def restore_custom_field(
        self, *, custom_field_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Bring an archived custom field back, with the values that records have.

        Needs the ``custom-fields:write`` permission.

        Returns:
            A ``CustomFieldView``.

        Raises:
            NotFoundError: ``custom_field_not_found``: none is archived.
            ConflictError: ``too_many_custom_fields``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.custom_field_restored`` v1.
        """
        return self._custom_fields().restore(custom_field_id, expected_version)
