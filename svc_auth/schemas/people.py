"""People, as clients see them."""

from marshmallow import Schema, fields

from chassis.schemas import Id

__all__ = ["MeView", "PersonView"]


class PersonView(Schema):
    """A person, for those who may know."""

    id = Id()
    name = fields.String()
    email = fields.String()


class MeView(PersonView):
    """The caller, and what they may do."""

    org_id = Id()
    roles = fields.List(fields.String())
    grants = fields.Dict()
