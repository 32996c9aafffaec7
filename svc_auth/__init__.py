"""svc_auth: organizations, people and sessions.

Owns: orgs, people, memberships, refresh_tokens (and the chassis' event_log,
    leases, subject_keys).
RPCs: register_org, login, refresh_tokens, logout, get_jwks (public);
    get_me, get_current_org, get_person, check_health.
Events out: auth.org_registered.
Events in: none.
"""
