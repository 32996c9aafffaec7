"""svc_sales: from the first lead to an opportunity.

Owns: leads, opportunities (and the chassis' event_log, leases, subject_keys,
    idempotency_keys).
RPCs: create/get/list/update/archive/restore/qualify/convert for leads;
    get/list for opportunities; search_records; check_health.
Events out: sales.lead_{created,updated,archived,restored,qualified,converted},
    sales.opportunity_created.
Events in: none.
"""
