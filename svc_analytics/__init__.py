"""svc_analytics: what all the events add up to.

Owns: activity (read model), progress, processed_events.
RPCs: get_activity, check_health.
Events out: none.
Events in: every event of every service, in batches.
"""
