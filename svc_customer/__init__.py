"""svc_customer: companies, people, and what happened with them.

Owns: accounts, contacts, interactions, interaction_days (how many there were
    of each type, with whom, by day; and the chassis' event_log, leases,
    subject_keys, idempotency_keys).
RPCs: create/get/list/update/archive/restore for accounts and contacts;
    create/get/list/update/archive/restore for interactions; batches,
    list_…_history and revert_… for all three; get_account_hierarchy; list_tags;
    search_records; upsert_customer; check_health.
Events out: customer.{account,contact}_{created,updated,archived,restored},
    customer.interaction_{recorded,updated,archived,restored}.
Events in: its own of interactions, which it counts.
"""
