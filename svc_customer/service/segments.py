"""RPCs of segments."""

from collections.abc import Mapping
from typing import Any, Final

from chassis.chronicle import Chronicle
from chassis.errors import ConflictError, ForbiddenError
from chassis.fields import Clock
from chassis.idempotency import idempotent, idempotent_as
from chassis.ids import derive_id
from chassis.reader import Reader
from chassis.resources import Kind, Records
from chassis.rpc import rpc
from chassis.schemas import load
from svc_customer import events
from svc_customer.domain.definitions import Happened, Node, leaves
from svc_customer.domain.segments import (
    MOST_SEGMENTS,
    Segment,
    check_definition,
    is_used,
    new_segment,
)
from svc_customer.projections import SegmentBuilds
from svc_customer.repository.segment_conditions import (
    check_fields,
    names_hidden,
    names_in,
)
from svc_customer.schemas.segments import (
    CreateSegmentInput,
    SegmentView,
    UpdateSegmentInput,
)
from svc_customer.service.dependencies import Dependencies

__all__ = ["SegmentMethods", "as_seen_now", "manual_only"]

_INTERACTIONS: Final = "interactions:read"
_SEGMENT: Final = Kind(
    create_input=CreateSegmentInput(),
    update_input=UpdateSegmentInput(),
    view=SegmentView(),
    make=new_segment,
    change=Segment.changed,
    archive=Segment.archived,
    restore=Segment.restored,
    created=events.segment_created,
    updated=events.segment_updated,
    archived=events.segment_archived,
    restored=events.segment_restored,
)


class _Segments(Records[Segment]):
    """Segments, with definitions that tell nothing of what is hidden."""

    def shown(self, record: Segment) -> dict[str, Any]:
        view = super().shown(record)
        if names_hidden(record, self._context.identified_caller):
            view["definition"] = None
        return view


def as_seen_now(worker: Dependencies, view: dict[str, Any]) -> dict[str, Any]:
    """A remembered view without a definition that asks for what is hidden by now."""
    if view.get("definition") is None:
        return view
    data = {name: view[name] for name in ("resource", "kind", "name", "definition")}
    segment = new_segment(view["id"], data, None, worker.context.now())
    is_hidden = names_hidden(segment, worker.context.identified_caller)
    return {**view, "definition": None} if is_hidden else view


class SegmentMethods(Dependencies, SegmentBuilds):
    """What can be done with segments.

    Whatever changes a definition is one transaction that has the organization's
    segments to itself, so that no two of them can name each other.
    """

    def shown_segments(self) -> Records[Segment]:
        """Segments in the hands of the caller."""
        return _Segments(_SEGMENT, self.segments, self)

    @rpc(needs="segments:write")
    @idempotent_as(as_seen_now)
    def create_segment(self, *, payload: dict[str, Any]) -> dict[str, Any]:
        """Make a segment; the members of a definition are looked for at once.

        Until they are found it is ``building``; a hundred thousand records take
        some seconds. Then one event tells its size, and one each who has come
        into it since it was made.

        Needs the ``segments:write`` permission, and for a definition that to
        read the records, and every interaction if it asks for these.

        Args:
            payload: A ``CreateSegmentInput``.

        Returns:
            A ``SegmentView``.

        Raises:
            InvalidInputError: ``invalid_input``, ``definition_too_large``,
                ``segment_cycle`` or ``reference_not_found``, naming the
                condition.
            ForbiddenError: ``permission_missing``.
            ConflictError: ``duplicate_value``, or ``too_many_segments``: there
                are a hundred.

        Emits:
            ``customer.segment_created`` v1, ``customer.segment_built`` v1 and
            ``customer.segment_entered`` v1.
        """
        segments = self.shown_segments()
        segments.permit("write")
        data = segments.read_new(payload) | self._calendar
        segment = segments.make(self.operation.new_id("segment"), data)

        def add() -> Segment:
            if made := self.segments.find(segment.id):
                return made
            live = self.segments.all_live()
            if len(live) >= MOST_SEGMENTS:
                raise ConflictError(
                    "too_many_segments", f"There are {MOST_SEGMENTS} already."
                )
            self._check(segment, live)
            added = self.segments.add(segment, events.segment_created(segment))
            self._begin(added)
            return added

        return segments.made(self.alone(add))

    def _check(self, segment: Segment, live: Mapping[str, Segment]) -> None:
        """Refuse a name that is taken, and a definition that cannot be."""
        if self.segments.has_name(segment.name, besides=segment.id):
            raise ConflictError("duplicate_value", "Another segment is called so.")
        if segment.definition is None:
            return
        clock = Clock.of(self.context.now(), segment)
        self.check_asked(segment.resource, segment.node, clock)
        check_definition(segment, live)

    def check_asked(self, resource: str, node: Node, clock: Clock) -> None:
        """Refuse a definition that asks for what the caller may not see.

        Raises:
            InvalidInputError: ``invalid_input``, naming the condition.
            ForbiddenError: ``permission_missing``.
        """
        self.permitted(f"{resource}:read")
        if any(isinstance(leaf, Happened) for leaf in leaves(node)):
            self._require_every_interaction()
        fields = self.reader(resource).shown_fields(names_in(node))
        check_fields(node, fields, clock)

    def _require_every_interaction(self) -> None:
        """Refuse whom some interactions are hidden from: all of them count."""
        if self.permitted(_INTERACTIONS).reach(_INTERACTIONS) != "all":
            raise ForbiddenError(
                "permission_missing",
                f"Conditions on interactions need {_INTERACTIONS} for all of them.",
            )

    def _require_seen(self, segment: Segment) -> None:
        """Refuse to change what the caller cannot see: clashes would tell it.

        Raises:
            ForbiddenError: ``field_forbidden``, naming the fields.
        """
        caller = self.context.identified_caller
        caller.require_visible(segment.resource, names_hidden(segment, caller))

    def _begin(self, segment: Segment) -> None:
        """Have the members found, or those that there are counted."""
        if segment.is_manual:
            self.segments.expect_recount([segment.id], self.context.now())
        elif segment.built != segment.build:
            self.start_build(segment)

    def reader(self, resource: str) -> Reader[Any]:
        """Where records of this kind are found."""
        return self.contacts if resource == "contacts" else self.accounts

    @property
    def _calendar(self) -> dict[str, Any]:
        """What relative dates of a definition mean, as long as it stands."""
        caller = self.context.identified_caller
        return {"time_zone": caller.time_zone, "first_weekday": caller.first_weekday}

    @rpc
    def get_segment(
        self, *, segment_id: str, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One segment, or what it was at a time; status and size are those of now.

        Needs the ``segments:read`` permission.

        Args:
            segment_id: Which one.
            query: A ``PastQuery``.

        Returns:
            A ``SegmentView``.

        Raises:
            NotFoundError: ``segment_not_found``, also when it is archived, or had
                not been made by then.
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter``.
        """
        return Chronicle(self.shown_segments()).get(segment_id, query)

    @rpc
    def list_segments(self, *, query: dict[str, str]) -> dict[str, Any]:
        """One page of the organization's segments.

        Needs the ``segments:read`` permission.

        Args:
            query: Parameters of the list grammar; see ``chassis.query``.

        Returns:
            ``{"data": [SegmentView], "page": {…}}``.

        Raises:
            InvalidInputError: 400, naming the parameter.
        """
        return self.shown_segments().page(query)

    @rpc(needs="segments:write")
    @idempotent_as(as_seen_now)
    def update_segment(
        self,
        *,
        segment_id: str,
        payload: dict[str, Any],
        expected_version: int | None = None,
    ) -> dict[str, Any]:
        """Change a segment; another definition is evaluated from the beginning.

        So are those of the dynamic segments that name it. The members of the
        definition before are shown until that is done; then one event each tells
        who came and who went by it.

        Needs the ``segments:write`` permission, and those of ``create_segment``
        for its definition.

        Args:
            segment_id: A live segment.
            payload: An ``UpdateSegmentInput``.
            expected_version: The version the caller last read, if it cares.

        Returns:
            A ``SegmentView``.

        Raises:
            InvalidInputError: As ``create_segment``.
            ForbiddenError: As ``create_segment``; ``field_forbidden``: its
                definition asks for what is hidden from the caller.
            NotFoundError: ``segment_not_found``.
            ConflictError: ``duplicate_value``, or ``segment_is_manual``: it has
                members, no definition.
            VersionConflictError: ``version_conflict``, with ``conflicts``.

        Emits:
            ``customer.segment_updated`` v1, ``customer.segment_built`` v1,
            ``customer.segment_entered`` v1 and ``customer.segment_left`` v1.
        """
        segments = self.shown_segments()
        segments.permit("write")
        patch = load(_SEGMENT.update_input, payload)
        if "definition" in patch:
            patch |= self._calendar
        now = self.context.now()

        def change() -> Segment:
            builds: list[int] = []

            def patched(segment: Segment) -> Segment:
                if segment.is_manual and "definition" in patch:
                    raise manual_only("Its members are given, not defined.")
                self._require_seen(segment)
                changed = segment.changed(patch, now)
                self._check(changed, self.segments.all_live())
                builds.append(segment.build)
                return changed

            changed = self.segments.change(
                segment_id,
                patched,
                events.segment_updated,
                expected_version=expected_version,
                is_mergeable=True,
            )
            self._begin(changed)
            if builds and builds[-1] != changed.build:
                self.rebuild_referring(changed)
            return changed

        return segments.answered(self.alone(change))

    @rpc(needs="segments:write")
    @idempotent
    def archive_segment(
        self, *, segment_id: str, expected_version: int | None = None
    ) -> None:
        """Put a segment away; it can be restored.

        Nobody is told that its members left it.

        Needs the ``segments:write`` permission.

        Raises:
            NotFoundError: ``segment_not_found``, also when it is archived.
            ConflictError: ``segment_in_use``: another's definition names it.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.segment_archived`` v1.
        """
        self.shown_segments().permit("write")
        now = self.context.now()

        def archive() -> Segment:
            if is_used(segment_id, self.segments.all_live().values()):
                raise ConflictError(
                    "segment_in_use", "The definition of another segment names it."
                )
            archived = self.segments.change(
                segment_id,
                lambda segment: segment.archived(now),
                events.segment_archived,
                expected_version=expected_version,
            )
            if archived.kind == "dynamic":
                self._clear(archived)
            return archived

        self.alone(archive)

    def _clear(self, segment: Segment) -> None:
        arguments = {"segment_id": segment.id, "build": segment.build}
        job_id = derive_id(segment.id, f"clear {segment.build}")
        self.segment_jobs.add(job_id, "clear_segment", arguments)

    @rpc(needs="segments:write")
    @idempotent_as(as_seen_now)
    def restore_segment(
        self, *, segment_id: str, expected_version: int | None = None
    ) -> dict[str, Any]:
        """Bring an archived segment back; a definition is evaluated anew.

        As that of a new segment is: until that is done it has no members.

        Needs the ``segments:write`` permission.

        Returns:
            A ``SegmentView``.

        Raises:
            InvalidInputError: As ``create_segment``: what its definition names
                may be gone.
            NotFoundError: ``segment_not_found``: none is archived.
            ConflictError: ``duplicate_value``: its name is taken; or
                ``too_many_segments``.
            VersionConflictError: ``version_conflict``.

        Emits:
            ``customer.segment_restored`` v1, ``customer.segment_built`` v1 and
            ``customer.segment_entered`` v1.
        """
        segments = self.shown_segments()
        segments.permit("write")
        now = self.context.now()

        def restore() -> Segment:
            live = self.segments.all_live()

            def back(segment: Segment) -> Segment:
                if len(live) >= MOST_SEGMENTS:
                    raise ConflictError(
                        "too_many_segments", f"There are {MOST_SEGMENTS} already."
                    )
                self._check(segment, live)
                return segment.restored(now)

            restored = self.segments.change(
                segment_id,
                back,
                events.segment_restored,
                expected_version=expected_version,
                is_archived=True,
            )
            # Whoever was a member has been forgotten, or is about to be.
            self.segments.note_settled(restored.id, restored.built)
            self._begin(restored)
            return restored

        return segments.answered(self.alone(restore))


def manual_only(message: str) -> ConflictError:
    """The refusal to evaluate what nobody has defined."""
    return ConflictError("segment_is_manual", message)
