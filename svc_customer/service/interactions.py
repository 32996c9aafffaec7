"""RPCs of interactions."""

from collections.abc import Mapping
from typing import Any, Final

from chassis.batches import Batch
from chassis.chronicle import Chronicle
from chassis.errors import invalid_field
from chassis.idempotency import idempotent
from chassis.resources import Kind, Records
from chassis.rpc import rpc
from svc_customer import events
from svc_customer.domain.interactions import (
    Interaction,
    change_interaction,
    new_interaction,
)
from svc_customer.repository.records import external_keys
from svc_customer.schemas.interactions import (
    CreateInteractionInput,
    InteractionView,
    UpdateInteractionInput,
)
from svc_customer.service.dependencies import Dependencies

__all__ = ["InteractionMethods", "interaction_records"]

_INTERACTION: Final = Kind(
    create_input=CreateInteractionInput(),
    update_input=UpdateInteractionInput(),
    view=InteractionView(),
    make=new_interaction,
    change=change_interaction,
    archive=Interaction.archived,
    restore=Interaction.restored,
    created=events.interaction_recorded,
    updated=events.interaction_updated,
    archived=events.interaction_archived,
    restored=events.interaction_restored,
    match_by={
        "external_id": lambda data: external_keys(data.get("external_ids", {})),
    },
)


class _Interactions(Records[Interaction]):
    """Interactions, which are in threads, and with accounts by way of contacts."""

    def __init__(self, worker: Dependencies) -> None:
        super().__init__(_INTERACTION, worker.interactions, worker)
        self._referred = worker.referred

    def read_new(self, payload: Any) -> dict[str, Any]:
        data = self._in_its_thread(super().read_new(payload))
        contact = self._referred.get(("contact_id", data.get("contact_id")))
        if contact is None:
            return data
        return {"account_id": contact.account_id, **data}

    def read_patch(
        self, record: Interaction, payload: Mapping[str, Any], *, is_back: bool = False
    ) -> dict[str, Any]:
        patch = super().read_patch(record, payload, is_back=is_back)
        if patch.get("in_reply_to") == record.id:
            raise invalid_field(
                "invalid_input", "It cannot answer itself.", field="in_reply_to"
            )
        # What was so before is told whole, and others may be on their way back too.
        return patch if is_back else self._moved(record, patch)

    def _moved(self, record: Interaction, patch: dict[str, Any]) -> dict[str, Any]:
        """The same, in another thread if it is said to be, or answers another."""
        if "thread_id" in patch:
            is_told = patch["thread_id"] in {record.id, record.thread_id}
            return patch if is_told else self._in_its_thread(patch)
        answered_id = patch.get("in_reply_to", record.in_reply_to)
        if answered_id == record.in_reply_to:
            return patch
        if answered_id is None:
            return {**patch, "thread_id": record.id}
        return self._in_its_thread(patch)

    def _in_its_thread(self, data: dict[str, Any]) -> dict[str, Any]:
        """The same, in the thread that it is said to be in, or of what it answers."""
        for name in ("thread_id", "in_reply_to"):
            other = self._referred.get((name, data.get(name)))
            if other is not None:
                return {**data, "thread_id": other.thread_id}
        return data


def interaction_records(worker: Dependencies) -> Records[Interaction]:
    """The interactions, in the hands of one worker."""
    return _Interactions(worker)


class InteractionMethods(Dependencies):
    """What can be done with interactions."""

    def _interactions(self) -> Records[Interaction]:
        return interaction_records(self)

    def _past_interactions(self) -> Chronicle[Interaction]:
        return Chronicle(self._interactions())

    @rpc(needs="interactions:write")
    @idempotent
    def create_interaction(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Create an interaction and announce it.

        Needs the ``interactions:write`` permission.

        Args:
            payload: A ``CreateInteractionInput``.

        Returns:
            An ``InteractionView``.

        Raises:
            InvalidInputError: ``invalid_input`` or ``reference_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            ConflictError: ``duplicate_value``: an external id is taken.

        Emits:
            ``customer.interaction_recorded`` v1.
        """
        return self._interactions().create(payload)

    @rpc
    def get_interaction(
        self, *, interaction_id: str, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One interaction, or what it was at a time.

        As it is only while it is live; as of a time, archived or not.

        Needs the ``interactions:read`` permission.

        Args:
            interaction_id: Which one.
            query: A ``PastQuery``.

        Returns:
            An ``InteractionView``.

        Raises:
            NotFoundError: ``interaction_not_found``, also when it is archived or
                the caller may not see it, or had not been made by then.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``.
        """
        return self._past_interactions().get(interaction_id, query)

    @rpc
    def list_interaction_history(
        self, *, interaction_id: str, query: dict[str, str]
    ) -> dict[str, Any]:
        """One page of what became of an interaction, archived or not.

        An event is there as soon as its change is answered. Fields that the
        caller may not see are left out.

        Needs the ``interactions:read`` permission.

        Args:
            interaction_id: Which one.
            query: A ``HistoryQuery``.

        Returns:
            ``{"data": [HistoryItemView], "page": {…}}``.

        Raises:
            NotFoundError: ``interaction_not_found``, also when the caller may not
                see it.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter`` or
                ``invalid_cursor``.
        """
        return self._past_interactions().history(interaction_id, query)

    @rpc(needs="interactions:write")
    @idempotent
    def revert_interaction(
        self,
        *,
        interaction_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Bring an interaction, or some of its fields, back to what it was.

        That is a change like any other: what is no longer acceptable is
        refused, and the history goes on. Whether it is archived stays as it is.

        Needs the ``interactions:write`` permission, and that of reading them.

        Args:
            interaction_id: A live interaction.
            payload: A ``RevertInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            An ``InteractionView``.

        Raises:
            InvalidInputError: ``invalid_input``: there was no such state; or
                as for a patch, ``reference_not_found``.
            NotFoundError: ``interaction_not_found``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            ConflictError: ``value_erased``, ``duplicate_value``.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``customer.interaction_updated`` v1.
        """
        return self._past_interactions().revert(
            interaction_id, payload, expected_version
        )

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
        return self._interactions().page(query)

    @rpc(needs="interactions:write")
    @idempotent
    def update_interaction(
        self,
        *,
        interaction_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Apply a merge patch and announce what changed.

        A patch that changes nothing announces nothing. One made for an
        earlier version is applied unless others changed the same fields.

        Needs the ``interactions:write`` permission.

        Args:
            interaction_id: A live interaction.
            payload: An ``UpdateInteractionInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            An ``InteractionView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``reference_not_found`` or
                ``interaction_unidentified``.
            ForbiddenError: ``field_forbidden``, naming the fields.
            NotFoundError: ``interaction_not_found``.
            ConflictError: ``duplicate_value``: an external id is taken.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``customer.interaction_updated`` v1.
        """
        return self._interactions().update(interaction_id, payload, expected_version)

    @rpc(needs="interactions:write")
    @idempotent
    def archive_interaction(
        self, *, interaction_id: str, expected_version: int | None = None
    ) -> None:
        """Put an interaction away; it can be restored.

        Needs the ``interactions:write`` permission.

        Raises:
            NotFoundError: ``interaction_not_found``, also when it is archived.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.interaction_archived`` v1.
        """
        self._interactions().archive(interaction_id, expected_version)

    @rpc(needs="interactions:write")
    @idempotent
    def restore_interaction(
        self, *, interaction_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Bring an archived interaction back.

        Needs the ``interactions:write`` permission.

        Returns:
            An ``InteractionView``.

        Raises:
            NotFoundError: ``interaction_not_found``: none is archived.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.interaction_restored`` v1.
        """
        return self._interactions().restore(interaction_id, expected_version)

    @rpc(needs="interactions:write")
    @idempotent
    def batch_interactions(self, *, operations: list[Any]) -> dict[str, Any]:
        """Carry out up to 500 operations, each for itself and in order.

        Needs the ``interactions:write`` permission.

        Args:
            operations: Each a ``BatchOperationInput``; an upsert finds its
                interaction by ``external_id``.

        Returns:
            See ``chassis.batches.Batch.run``.

        Raises:
            InvalidInputError: ``invalid_input``: no list of 1 to 500.
            DeadlineExceededError: ``deadline_exceeded``; sent again with the
                same key, the batch goes on.

        Emits:
            ``customer.interaction_recorded``, ``_updated`` and ``_archived`` v1.
        """
        return Batch(self._interactions(), self.match_locks, self).run(operations)
