"""What a request costs of its caller's allowance, and whose allowance it is."""

from typing import Final
from urllib.parse import unquote

from flask import g, request
from werkzeug.exceptions import HTTPException

from chassis.errors import WireError
from gateway_flask.forms import FORM, form
from gateway_flask.inputs import optional_body
from gateway_flask.limits import Charge
from gateway_flask.policies import Policy

__all__ = ["charge_of_stranger", "charges_of"]

# Counting reads up to ten thousand entries of an index more.
_COUNTING: Final = 4


def charges_of(policy: Policy) -> list[Charge]:
    """What a request on a route of these terms is charged.

    A row of a batch costs what a write costs; an answer that is joined from
    several calls, or counts, costs more than a plain read.
    """
    if g.caller is not None:
        owner = f"{g.caller.org_id}:{g.caller.principal_id}"
        return [Charge(policy.limit, owner, _units(policy))]
    charges = [Charge.of_client(policy.limit, g.address)]
    if policy.limit == "login" and (email := _claimed_email()):
        charges.append(Charge.of_account(email, g.address))
    if policy.limit == "register":
        charges.append(Charge.of_network(g.address))
    return charges


def charge_of_stranger() -> Charge:
    """What a request costs that is nobody's, or asks for nothing that is there."""
    return Charge.of_client("public", g.address)


def _units(policy: Policy) -> int:
    if policy.is_batch:
        return _rows()
    # However it is escaped.
    is_counting = "include=count" in unquote(request.environ.get("QUERY_STRING", ""))
    return policy.units + (_COUNTING if is_counting else 0)


def _rows() -> int:
    try:
        rows = (optional_body() or {}).get("operations")
    except (WireError, HTTPException):
        # The view reads the body again and says what is wrong with it.
        return 1
    return max(len(rows), 1) if isinstance(rows, list) else 1


def _claimed_email() -> str | None:
    try:
        fields = form() if request.mimetype == FORM else optional_body()
        email = (fields or {}).get("email")
    except (WireError, HTTPException):
        return None
    return email if isinstance(email, str) else None
