"""svc_auth: organizations, people, sessions, and the keys behind their tokens.

Owns: orgs, people, memberships, roles, teams, sessions, refresh_tokens,
    personal_tokens, acts, challenges, invitations, signing_keys, oauth_clients,
    authorization_codes, device_requests, browser_logins, second_factors,
    client_failures, login_delays
    (and the chassis' event_log, leases, subject_keys, idempotency_keys).
RPCs: register_org, login, refresh_session, logout, get_jwks, get_provider,
    list_revocations, list_rights_changes, begin/decide_authorization, sign_in_browser,
    begin_device_authorization, begin_device_verification, decide_device,
    exchange/revoke/introspect_grant, exchange_access_token,
    request/confirm_password_reset, verify_email (public); get_me, update_me,
    list_my_orgs, switch_org, get_current_org, update_org, transfer_org, get_person,
    find_members, find_teams, get_userinfo, renew_access_token;
    list/get/update/deactivate/restore for users; create/get/list/update/archive/restore
    for roles and teams; add/remove for team members; get_permissions; list/revoke for
    sessions; change_password, request_email_verification, request_email_change,
    prepare_challenge; create/get/list/archive/resend/preview/accept for invitations;
    get/begin/confirm/remove/reset for second factors; create/list/revoke for access
    tokens and service keys; create_service_account; create, register, list, get,
    update, archive and rotate for oauth_clients; list_audit_log; explain_access;
    list/rotate/retire for signing keys (operator); check_health.
Events out: auth.challenge_issued, auth.{login_failed,client_refused,password_changed,
    email_verified,email_changed,second_factor_added,second_factor_removed,
    recovery_codes_replaced}, auth.invitation_{created,updated,archived},
    auth.member_{joined,updated,left}, auth.oauth_client_{created,updated,archived},
    auth.org_{registered,updated}, auth.{role,team}_{created,updated,archived,restored},
    auth.session_{started,revoked}, auth.signing_key_{added,retired}.
Events in: none.
"""
