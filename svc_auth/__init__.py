"""svc_auth: organizations, people, sessions, and the keys behind their tokens.

Owns: orgs, people, memberships, sessions, refresh_tokens, signing_keys (and the
    chassis' event_log, leases, subject_keys).
RPCs: register_org, login, refresh_session, logout, get_jwks, list_revocations
    (public); get_me, get_current_org, get_person; list/rotate/retire for
    signing keys (operator); check_health.
Events out: auth.org_registered, auth.session_revoked,
    auth.signing_key_{added,retired}.
Events in: none.
"""
