"""svc_auth: organizations, people, sessions, and the keys behind their tokens.

Owns: orgs, people, memberships, sessions, refresh_tokens, signing_keys,
    oauth_clients, authorization_codes, browser_logins, client_failures,
    personal_tokens, roles, login_delays (and the
    chassis' event_log, leases, subject_keys).
RPCs: register_org, login, refresh_session, logout, get_jwks, list_revocations
    (public); get_me, get_current_org, get_person; list/rotate/retire for
    signing keys (operator); begin/decide_authorization, sign_in_browser,
    get_provider, exchange/revoke/introspect_grant (public); get_userinfo;
    create, register, list, get, update, archive and rotate for oauth_clients;
    check_health.
Events out: auth.oauth_client_{created,updated,archived}, auth.org_registered,
    auth.session_revoked, auth.signing_key_{added,retired}.
Events in: none.
"""
