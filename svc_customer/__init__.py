"""svc_customer: companies, people, and what happened with them.

Owns: accounts, contacts, interactions, custom_fields, segments, segment_sizes,
    segment_locks, interaction_days (how many there were of each type, with whom,
    by day; and the chassis' event_log, jobs, job_reports, leases, subject_keys,
    idempotency_keys).
RPCs: create/get/list/update/archive/restore for accounts, contacts,
    interactions, custom_fields and segments, and list_…_history; batches and
    revert_… for the first three; preview/refresh_segment, list_segment_sizes,
    list/add/remove_segment_members; get_account_hierarchy; list_tags;
    search_records; upsert_customer; create/list/get/cancel/undo for bulk updates,
    undo_operation; check_health.
Events out:
    customer.{account,contact,custom_field}_{created,updated,archived,restored},
    customer.interaction_{recorded,updated,archived,restored},
    customer.segment_{created,updated,archived,restored,built,entered,left}.
Events in: its own of records, to count interactions and to sort into segments;
    sales.lead_converted and sales.opportunity_created, which it notes on
    timelines.
"""
