"""svc_notify: messages to people, each of them on record.

Owns: deliveries.
RPCs: list_deliveries, get_delivery, check_health.
Events out: none.
Events in: auth.challenge_issued, auth.org_registered.
"""
