"""What svc_analytics gives: the published contract."""

from marshmallow import Schema, fields

from chassis.schemas import Input, Moment

__all__ = ["ActivityQuery", "ActivityView"]


class ActivityQuery(Input):
    """Which days to count, both included; all of them by default."""

    from_on = fields.Date(data_key="from", load_default=None)
    until_on = fields.Date(data_key="until", load_default=None)


class SeriesPoint(Schema):
    """One event on one day."""

    date = fields.String()
    event = fields.String()
    count = fields.Integer()


class ActivityView(Schema):
    """How often what happened, and how fresh that is."""

    totals = fields.Dict(keys=fields.String(), values=fields.Integer())
    interactions = fields.Dict(keys=fields.String(), values=fields.Integer())
    series = fields.List(fields.Nested(SeriesPoint))
    computed_at = Moment()
    lag_ms = fields.Integer()
