"""Lets the people of a made-up organization be its members."""

from typing import Any

import pymongo

from chassis.context import operator_context
from chassis.ids import derive_id
from evaluation.data.customers import Organization
from svc_auth.domain.people import Membership
from svc_auth.repository.people import MembershipRepository

__all__ = ["join"]


def join(
    client: pymongo.MongoClient[dict[str, Any]], organization: Organization
) -> None:
    """Store a membership of each person; svc_auth knows them by nothing else."""
    context = operator_context(organization.id)
    members = MembershipRepository(client["rapport_auth"], context)
    now = context.now()
    found = [
        Membership(
            id=derive_id(person_id, "membership"),
            person_id=person_id,
            org_id=organization.id,
            name=f"Person {number}",
            email=f"person-{number}@{organization.id}.example",
            roles=("sales_rep",),
            created_at=now,
            updated_at=now,
        )
        for number, person_id in enumerate(organization.owner_ids)
    ]
    members.add_all([(each, None, None) for each in found])
