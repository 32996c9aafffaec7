"""svc_analytics: what all the events add up to.

Owns: activity (read model), progress, processed_events (each organization's feed).
RPCs: get_activity, list_events, check_processed, check_health.
Events out: none; every event once more on ``analytics.feed``, with its position.
Events in: every event of every service, in batches.
"""
