"""RPCs of what is in segments, or would be, and of what they were."""

from typing import Any, Final

from chassis import inject
from chassis.chronicle import Chronicle
from chassis.errors import ConflictError, invalid_input
from chassis.events import wire_time
from chassis.fields import Clock
from chassis.idempotency import idempotent, idempotent_as
from chassis.mongo import Repositories
from chassis.resources import Records
from chassis.rpc import rpc
from chassis.schemas import load
from chassis.views import whole_list
from svc_customer import events
from svc_customer.domain.definitions import read_definition
from svc_customer.domain.interactions import INTERACTION_TYPES
from svc_customer.domain.segments import Segment, expanded, new_segment
from svc_customer.repository.memberships import Memberships
from svc_customer.repository.segment_conditions import Compiler, names_in
from svc_customer.repository.segment_previews import SegmentPreviews
from svc_customer.schemas.segments import (
    PreviewSegmentInput,
    SegmentMembersInput,
    SegmentSizeView,
)
from svc_customer.service.kinds import records_of
from svc_customer.service.segments import SegmentMethods, as_seen_now, manual_only

__all__ = ["SegmentMemberMethods"]

_PREVIEW_INPUT: Final = PreviewSegmentInput()
_MEMBERS_INPUT: Final = SegmentMembersInput()
_SIZES: Final = SegmentSizeView(many=True)


class SegmentMemberMethods(SegmentMethods):
    """What can be done with the members of segments, and what became of them."""

    memberships: Memberships = inject(Repositories(Memberships))
    previews: SegmentPreviews = inject(Repositories(SegmentPreviews))

    def _records(self, resource: str) -> Records[Any]:
        return records_of(self)[resource]

    @rpc(needs="segments:write")
    @idempotent_as(as_seen_now)
    def refresh_segment(
        self, *, segment_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Evaluate a definition from the beginning: a snapshot as of now.

        The members that there are stay until that is done; then one event each
        tells who came and who went by it. A segment that is ``failed`` is
        ``building`` again.

        Needs the ``segments:write`` permission.

        Returns:
            A ``SegmentView``.

        Raises:
            NotFoundError: ``segment_not_found``.
            ConflictError: ``segment_is_manual``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.segment_updated`` v1, ``customer.segment_built`` v1,
            ``customer.segment_entered`` v1 and ``customer.segment_left`` v1.
        """
        self.permitted("segments:write")
        now = self.context.now()

        def rebuilt(segment: Segment) -> Segment:
            if segment.is_manual:
                raise manual_only("This segment has no definition.")
            return segment.rebuilt(now)

        def refresh() -> Segment:
            changed = self.segments.change(
                segment_id,
                rebuilt,
                events.segment_updated,
                expected_version=expected_version,
            )
            self.start_build(changed)
            return changed

        return self.shown_segments().answered(self.transaction(refresh))

    @rpc
    def list_segment_members(
        self, *, segment_id: str, query: dict[str, str]
    ) -> dict[str, Any]:
        """One page of a segment's live members, as far as the caller may see them.

        Needs the ``segments:read`` permission, and that to read its records.

        Args:
            segment_id: A live segment.
            query: A ``SegmentMembersQuery``, and filters of the records' own
                list, such as ``filter[owner_id]``.

        Returns:
            ``{"data": [SegmentMemberView], "page": {…}}``

        Raises:
            InvalidInputError: 400 ``invalid_filter``, ``invalid_sort``,
                ``invalid_limit``, ``invalid_fields``, ``invalid_cursor``,
                ``unknown_parameter`` or ``field_not_indexed``.
            NotFoundError: ``segment_not_found``.
            ConflictError: ``index_building``, ``index_failed``.
        """
        self.permitted("segments:read")
        segment = self.segments.get(segment_id)
        within = {"segment_keys": segment.key}
        return self._records(segment.resource).page(query, within)

    @rpc(needs="segments:write")
    @idempotent
    def add_segment_members(
        self, *, segment_id: str, payload: dict[str, Any]
    ) -> dict[str, int]:
        """Put records into a manual segment; those that are in it stay.

        Needs the ``segments:write`` permission, and that to read its records.

        Args:
            segment_id: A manual segment.
            payload: A ``SegmentMembersInput``.

        Returns:
            A ``SegmentMovesView``.

        Raises:
            InvalidInputError: ``invalid_input``, or ``reference_not_found``: a
                record is archived, or not there for the caller.
            NotFoundError: ``segment_not_found``.
            ConflictError: ``segment_not_manual``.
            UnavailableError: ``outbox_full``.

        Emits:
            ``customer.segment_entered`` v1 for each that comes into it.
        """
        return self._put(segment_id, payload, is_in=True)

    @rpc(needs="segments:write")
    @idempotent
    def remove_segment_members(
        self, *, segment_id: str, payload: dict[str, Any]
    ) -> dict[str, int]:
        """Take records out of a manual segment; those that are not in it are no harm.

        Needs the ``segments:write`` permission, and that to read its records.

        Args:
            segment_id: A manual segment.
            payload: A ``SegmentMembersInput``.

        Returns:
            A ``SegmentMovesView``.

        Raises:
            InvalidInputError: As ``add_segment_members``: ``invalid_input`` or
                ``reference_not_found``.
            NotFoundError: ``segment_not_found``.
            ConflictError: ``segment_not_manual``.
            UnavailableError: ``outbox_full``.

        Emits:
            ``customer.segment_left`` v1 for each that goes out of it.
        """
        return self._put(segment_id, payload, is_in=False)

    def _put(
        self, segment_id: str, payload: dict[str, Any], *, is_in: bool
    ) -> dict[str, int]:
        self.permitted("segments:write")
        segment = self.segments.get(segment_id)
        self.permitted(f"{segment.resource}:read")
        if not segment.is_manual:
            raise ConflictError(
                "segment_not_manual", "Its definition says who is in this segment."
            )
        ids = load(_MEMBERS_INPUT, payload)["ids"]
        known = self.reader(segment.resource).reachable(ids)
        missing = [place for place, each in enumerate(ids) if each not in known]
        if missing:
            raise invalid_input(
                [
                    {"field": f"ids.{place}", "code": "reference_not_found"}
                    for place in missing
                ],
                "reference_not_found",
                "This refers to something that is not there.",
            )
        changed = self.memberships.put(segment, sorted(known), is_in=is_in)
        return {"changed": len(changed), "unchanged": len(known) - len(changed)}

    @rpc
    def preview_segment(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """How many records a definition finds that the caller may see, and some.

        Within two seconds: where there are more than can be looked at in that
        time, the count is of those that were, and capped.

        Needs the ``segments:read`` permission, and that to read the records,
        and every interaction if it asks for these.

        Args:
            payload: A ``PreviewSegmentInput``.

        Returns:
            A ``SegmentPreviewView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``definition_too_large``,
                ``segment_cycle``, ``reference_not_found`` or
                ``definition_outdated``, naming the condition.
            ForbiddenError: ``permission_missing``.
        """
        self.permitted("segments:read")
        data = load(_PREVIEW_INPUT, payload)
        resource, definition = data["resource"], data["definition"]
        self.permitted(f"{resource}:read")
        now = self.context.now()
        clock = Clock.of(now, self.context.identified_caller)
        node = read_definition(definition, INTERACTION_TYPES)
        self.check_asked(resource, node, clock)
        reader = self.reader(resource)
        live = self.segments.all_live()
        wanted = {"resource": resource, "kind": "dynamic", "name": "preview"}
        segment = new_segment("", {**wanted, "definition": definition}, None, now)
        whole = expanded(segment, live)
        compiler = Compiler(
            fields=reader.fields_for(names_in(whole)),
            clock=clock,
            segments=live,
            holding=lambda _: {},
        )
        found = self.previews.preview(resource, whole, compiler)
        return {
            "count": found.count,
            "count_capped": found.is_capped,
            "sample": [self._records(resource).shown(each) for each in found.sample],
            "computed_at": wire_time(now),
        }

    @rpc
    def list_segment_sizes(self, *, segment_id: str) -> dict[str, Any]:
        """How large a segment was, day by day, the latest first.

        A year and a month of days at most; a day on which it was not looked at
        has none.

        Needs the ``segments:read`` permission.

        Returns:
            ``{"data": [SegmentSizeView], "page": {…}}``.

        Raises:
            NotFoundError: ``segment_not_found``.
        """
        self.permitted("segments:read")
        segment = self.segments.get(segment_id)
        return whole_list(_SIZES.dump(self.segments.sizes(segment.id)))

    @rpc
    def list_segment_history(
        self, *, segment_id: str, query: dict[str, str]
    ) -> dict[str, Any]:
        """One page of what became of a segment, archived or not.

        An event is there as soon as its change is answered; builds are told,
        members are not. A change to or from a definition that asks for what is
        hidden from the caller is left out.

        Needs the ``segments:read`` permission.

        Args:
            segment_id: Which one.
            query: A ``HistoryQuery``.

        Returns:
            ``{"data": [HistoryItemView], "page": {…}}``.

        Raises:
            NotFoundError: ``segment_not_found``.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter`` or
                ``invalid_cursor``.
        """
        return Chronicle(self.shown_segments()).history(segment_id, query)
