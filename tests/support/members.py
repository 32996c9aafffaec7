"""Members of an organization who did not found it."""

from pymongo import MongoClient

from chassis.ids import new_id

__all__ = ["recruit"]


def recruit(status, newcomer, client, *roles):
    """Make somebody, who has an organization of their own, a member of another.

    Until there are invitations, in the database itself. Gives their client,
    logged in there.
    """
    other = newcomer()
    other.user_id = other("GET", "/v1/me")[1]["id"]
    org_id = client("GET", "/v1/me")[1]["org_id"]
    with MongoClient(status["mongo_uri"], tz_aware=True) as mongo:
        memberships = mongo["rapport_auth"]["memberships"]
        own = memberships.find_one({"person_id": other.user_id})
        # An event that waits to be told is told once, of the membership it is of.
        for name in ("pending_events", "pending_at"):
            own.pop(name, None)
        changes = {"org_id": org_id, "roles": list(roles), "operations": []}
        memberships.insert_one({**own, **changes, "_id": new_id(), "sequence": 0})
    credentials = {**other.credentials, "org_id": org_id}
    code, tokens, _ = other("POST", "/v1/auth/login", credentials)
    assert code == 200, tokens
    other.tokens, other.token = tokens, tokens["access_token"]
    return other
