"""What every service needs to be a good citizen of the bus, and nothing more.

Nothing in here knows what a customer is. A thing belongs here when a change
to it would break another service, or when all five would write it again.
"""

from typing import Any

__all__ = ["inject"]


def inject(provider: object) -> Any:
    """Declare a Nameko dependency so that type checkers see what it provides.

    ``leads: LeadRepository = inject(MongoLeads())`` is checked as a
    ``LeadRepository``; Nameko finds the provider itself.
    """
    return provider
