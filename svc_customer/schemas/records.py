"""Fields that accounts and contacts share."""

import unicodedata
from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, post_load, validate

from chassis.schemas import Id, Input, Moment, OwnerId, TeamIds, Text
from svc_customer.domain.lifecycle import LIFECYCLE_STAGES
from svc_customer.domain.records import Address
from svc_customer.schemas.custom_values import CustomValue, CustomValues

__all__ = [
    "AddressInput",
    "AddressView",
    "DialedNumber",
    "ExternalIds",
    "RecordInput",
    "RecordView",
]


# ISO 3166-1, officially assigned, and Kosovo, which has a telephone code.
_COUNTRIES: Final = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ
    BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR
    CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU
    ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ
    LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
    PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
    SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR
    TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a list would fill a screen
)
_CODE_LENGTH: Final = 2


class Country(Text):
    """A country's code in whatever case (ISO 3166-1 alpha-2), or its name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(60, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        if len(text) != _CODE_LENGTH:
            return text
        if text.upper() not in _COUNTRIES:
            raise ValidationError("Not a country's code (ISO 3166-1).")
        return text.upper()


class AddressInput(Input):
    """A postal address."""

    type = Text(30, allow_none=True)
    street = Text(allow_none=True)
    city = Text(100, allow_none=True)
    region = Text(100, allow_none=True)
    postal_code = Text(20, allow_none=True)
    country = Country(allow_none=True)

    @post_load
    def _address(self, data: dict[str, Any], **_: Any) -> Address:
        return Address(**data)


class AddressView(Schema):
    """A postal address."""

    type = fields.String(allow_none=True)
    street = fields.String(allow_none=True)
    city = fields.String(allow_none=True)
    region = fields.String(allow_none=True)
    postal_code = fields.String(allow_none=True)
    country = fields.String(allow_none=True)


class DialedNumber(Text):
    """A telephone number as people type it, with a digit in it at least."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(40, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        if not any(unicodedata.digit(each, None) is not None for each in text):
            raise ValidationError("Not a telephone number.")
        return text


class ExternalIds(fields.Dict):
    """What the record is called in other systems, ``{source: id}``; null is none."""

    def __init__(self) -> None:
        super().__init__(
            allow_none=True,
            keys=fields.String(validate=validate.Regexp(r"[a-z][a-z0-9_-]{0,30}\Z")),
            values=Text(100),
            validate=validate.Length(max=10),
        )

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """What is given, or nothing."""
        return super().deserialize({} if value is None else value, *args, **kwargs)


class Tags(fields.List[Any]):
    """Up to fifty words; null is none, and case makes no second one."""

    def __init__(self) -> None:
        super().__init__(Text(50), allow_none=True, validate=validate.Length(max=50))

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        names: list[str] = super()._deserialize(value, *args, **kwargs)  # type: ignore[assignment]
        spellings: dict[str, str] = {}
        for name in names:
            spellings.setdefault(name.casefold(), name)
        return list(spellings.values())


class RecordInput(Input):
    """What every customer record takes; null empties a list or an object.

    Attributes:
        external_ids: What other systems call it, such as ``{"erp": "4711"}``;
            ``filter[external_id]`` takes that as ``erp:4711``.
        custom: Values of the organization's own fields, by the keys of
            ``/v1/custom-fields``; null takes one away.
            ``filter[custom.<key>]`` finds by those that are indexed.
    """

    lists: ClassVar[frozenset[str]] = frozenset({"tags"})

    owner_id = OwnerId()
    team_ids = TeamIds()
    lifecycle_stage = fields.String(validate=validate.OneOf(LIFECYCLE_STAGES))
    source = Text(60, allow_none=True)
    tags = Tags()
    external_ids = ExternalIds()
    custom = CustomValues(allow_none=True)

    @post_load
    def _tuples(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {
            name: tuple(value or ()) if name in self.lists else value
            for name, value in data.items()
        }


class StageView(Schema):
    """When a stage was entered."""

    stage = fields.String(validate=validate.OneOf(LIFECYCLE_STAGES))
    entered_at = Moment()


class RecordView(Schema):
    """What every customer record shows.

    Attributes:
        custom: Values of the organization's own fields, by the keys of
            ``/v1/custom-fields``.
    """

    id = Id()
    version = fields.Integer()
    owner_id = fields.String(allow_none=True)
    team_ids = fields.List(fields.String())
    lifecycle_stage = fields.String(validate=validate.OneOf(LIFECYCLE_STAGES))
    lifecycle_stage_changed_at = Moment(allow_none=True)
    lifecycle_history = fields.List(
        fields.Nested(StageView),
        metadata={"description": "The latest hundred stages, in their order."},
    )
    source = fields.String(allow_none=True)
    tags = fields.List(fields.String())
    external_ids = fields.Dict()
    interaction_count = fields.Integer()
    last_interaction_at = Moment(allow_none=True)
    custom = fields.Dict(keys=fields.String(), values=CustomValue())
    created_at = Moment()
    updated_at = Moment()
    archived_at = Moment(allow_none=True)
