import pytest
from flask import Blueprint, Flask

from gateway_flask.app import create_app
from gateway_flask.auth import public, requires, signed_in
from gateway_flask.bus import within
from gateway_flask.limits import limited
from gateway_flask.policies import LIMIT_CLASSES, MissingPolicyError, policies


def app_with(view, method="GET"):
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/x", "x", view, methods=[method])
    return app


class TestPolicies:
    def test_a_route_must_say_who_may_call_it(self):
        def bare():
            return "x"

        with pytest.raises(MissingPolicyError, match="/x"):
            policies(app_with(bare))

    def test_a_limit_alone_is_not_enough(self):
        @limited("read")
        def bare():
            return "x"

        with pytest.raises(MissingPolicyError):
            policies(app_with(bare))

    def test_reads_the_permission(self):
        @requires("leads:write")
        def guarded():
            return "x"

        policy = policies(app_with(guarded, "POST"))["x"]

        assert ("leads:write", "write") == (policy.permission, policy.limit)
        assert not policy.is_public

    def test_a_get_is_limited_as_a_read(self):
        @signed_in
        def guarded():
            return "x"

        assert policies(app_with(guarded))["x"].limit == "read"

    def test_a_public_route_is_limited_by_address(self):
        @public
        def open_to_all():
            return "x"

        assert policies(app_with(open_to_all))["x"].limit == "public"

    def test_decorators_combine_in_any_order(self):
        @within(10)
        @public
        @limited("login")
        def login():
            return "x"

        policy = policies(app_with(login, "POST"))["x"]

        assert (10, "login", True) == (
            policy.deadline_s,
            policy.limit,
            policy.is_public,
        )


class TestRoutes:
    def test_every_one_has_a_permission_and_a_limit(self, app):
        unguarded = {
            endpoint
            for endpoint, policy in policies(app).items()
            if policy.permission is None
        }

        assert unguarded == {
            "access_tokens.create_access_token",
            "access_tokens.list_access_tokens",
            "access_tokens.revoke_access_token",
            "device_pages.begin_device_verification",
            "device_pages.decide_device",
            "device_pages.sign_in_browser",
            "oauth.begin_device_authorization",
            "oauth.exchange_grant",
            "oauth.introspect_grant",
            "oauth.revoke_grant",
            "oauth.get_provider",
            "oauth.get_userinfo",
            "invitations.accept_invitation",
            "invitations.preview_invitation",
            "sign_in.begin_authorization",
            "sign_in.begin_authorization_by_form",
            "sign_in.decide_authorization",
            "sign_in.sign_in_browser",
            "account_pages.accept_invitation",
            "account_pages.preview_invitation",
            "account_pages.request_password_reset",
            "account_pages.verify_email",
            "account_pages.confirm_password_reset",
            "account_pages.show_forgot_password",
            "account_pages.show_new_password",
            "account_pages.show_verify_email",
            "challenges.confirm_password_reset",
            "challenges.request_email_change",
            "challenges.request_email_verification",
            "challenges.request_password_reset",
            "challenges.verify_email",
            "auth.register_org",
            "auth.transfer_org",
            "auth.login",
            "auth.refresh_session",
            "auth.logout",
            "auth.get_jwks",
            "auth.get_me",
            "people.list_my_orgs",
            "people.switch_org",
            "people.update_me",
            "second_factors.begin_totp",
            "second_factors.confirm_totp",
            "second_factors.get_second_factor",
            "second_factors.remove_totp",
            "second_factors.replace_recovery_codes",
            "sessions.change_password",
            "sessions.list_sessions",
            "sessions.revoke_other_sessions",
            "sessions.revoke_session",
            "aggregate.get_home",
            "aggregate.search",
            "analytics.list_events",
            "customer.list_tags",
            "bulk_updates.cancel_bulk_update",
            "bulk_updates.get_bulk_update",
            "bulk_updates.list_bulk_update_conflicts",
            "bulk_updates.list_bulk_updates",
            "bulk_updates.undo_bulk_update",
            "bulk_updates.undo_operation",
            "stream.create_stream_ticket",
            "stream.open_stream",
            "docs.get_asset",
            "docs.get_description",
            "docs.get_page",
            "docs.get_problem",
            "docs.get_problems",
            "docs.get_reference",
            "docs.get_resource_reference",
            "system.live",
            "system.ready",
            "system.metrics",
        }
        assert all(p.limit in LIMIT_CLASSES for p in policies(app).values())

    def test_an_unguarded_one_keeps_the_gateway_from_starting(
        self, settings, bus, limiter, monkeypatch
    ):
        hole = Blueprint("hole", __name__)
        hole.add_url_rule("/hole", "hole", lambda: "x")
        monkeypatch.setattr("gateway_flask.app.BLUEPRINTS", (hole,))

        with pytest.raises(MissingPolicyError):
            create_app(settings, bus=bus, limiter=limiter)
