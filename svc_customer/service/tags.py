"""Tags in use."""

from typing import Any, Final

from chassis.cursors import own_seal, resumed
from chassis.rpc import rpc
from chassis.schemas import load_query
from svc_customer.repository.customers import COUNTED_TO, CustomerRepository
from svc_customer.schemas.tags import TagQuery
from svc_customer.service.dependencies import Dependencies

__all__ = ["TagMethods"]

_QUERY: Final = TagQuery()


class TagMethods(Dependencies):
    """What can be asked about tags."""

    @rpc
    def list_tags(self, *, query: dict[str, str]) -> dict[str, Any]:
        """The tags that are in use, by their names, and how often.

        Those of whom may not read all records are of the newest five thousand
        of theirs. ``filter[tags]`` of a list finds the records.

        Needs the read permission of the resource.

        Args:
            query: A ``TagQuery``.

        Returns:
            ``{"data": [TagView], "page": {…}}``.

        Raises:
            InvalidInputError: 400 ``invalid_query``, ``unknown_parameter`` or
                ``invalid_cursor``.
            ForbiddenError: ``field_forbidden``: they are hidden.
        """
        asked = load_query(_QUERY, query)
        caller = self.permitted(f"{asked['resource']}:read")
        caller.require_visible(asked["resource"], ["tags"])
        repositories: dict[str, CustomerRepository[Any]] = {
            "accounts": self.accounts,
            "contacts": self.contacts,
        }
        limit, begins = asked["limit"], asked["starts_with"]
        scope = f"{caller.org_id}\n{asked['resource']}\ntags\n{begins}"
        tags = repositories[asked["resource"]].tags_in_use(
            begins, resumed(scope, asked["cursor"]) or "", limit + 1
        )
        shown = [
            {
                "name": tag.name,
                "count": min(tag.count, COUNTED_TO),
                "count_capped": tag.count > COUNTED_TO,
            }
            for tag in tags[:limit]
        ]
        has_more = len(tags) > limit
        next_cursor = own_seal().seal(scope, [shown[-1]["name"]]) if has_more else None
        page = {"next_cursor": next_cursor, "has_more": has_more}
        return {"data": shown, "page": page}
