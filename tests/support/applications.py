"""An application that people let in, by Authlib's client."""

import requests
from authlib.integrations.requests_client import OAuth2Session
from browsers import answer_of

__all__ = [
    "DEVICE_GRANT",
    "INVALID_GRANT",
    "REDIRECT",
    "SCOPE",
    "VERIFIER",
    "App",
    "bearer",
    "get",
]

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
REDIRECT = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 43
SCOPE = "openid profile email contacts:read offline_access"
INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "This is not good, or not good any more.",
}


class App:
    """An application, by Authlib's client, and the person in front of it."""

    def __init__(self, provider, client, credentials, browser):
        self.provider = provider
        self.client = client
        self.credentials = credentials
        is_public = client["client_secret"] is None
        self.session = OAuth2Session(
            client["client_id"],
            client["client_secret"],
            token_endpoint_auth_method="none" if is_public else "client_secret_basic",
            redirect_uri=REDIRECT,
            scope=SCOPE,
            code_challenge_method="S256",
        )
        self.browser = browser

    def ask(self, **parameters):
        """Where a browser is sent to, and the state."""
        return self.session.create_authorization_url(
            self.provider["authorization_endpoint"],
            **{"code_verifier": VERIFIER, "nonce": "n-0S6", **parameters},
        )

    def let_in(self, **parameters):
        """Sign in and allow; the address at which the application is called back.

        Whoever has allowed as much before is not asked.
        """
        address, _ = self.ask(**parameters)
        self.open(address)
        return self.browser.left_for or self.browser.submit(decision="allow").left_for

    def arrive(self, address):
        """Open the consent page, by signing in if that is asked."""
        self.open(address)
        assert "asks to act for you" in self.browser.page.text

    def open(self, address):
        """Open what comes behind signing in, which is done if it is asked."""
        if "Password" in self.browser.go(address).page.text:
            self.browser.submit(**self.credentials)

    def tokens(self, **parameters):
        """The whole way."""
        return self.session.fetch_token(
            self.provider["token_endpoint"],
            authorization_response=self.let_in(**parameters),
            code_verifier=VERIFIER,
        )

    def code(self, **parameters):
        """A code that nobody has used."""
        return answer_of(self.let_in(**parameters))["code"]

    def begin_device(self, **form):
        """Codes for a device, as the device endpoint gives them."""
        given = {"scope": "openid contacts:read", **form}
        address = self.provider["device_authorization_endpoint"]
        client = self.client["client_id"], self.client["client_secret"]
        answer = requests.post(address, data=given, auth=client, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask_for_device(self, device_code, client=None):
        """Ask as a device does: status and answer."""
        return self.exchange(client, grant_type=DEVICE_GRANT, device_code=device_code)

    def exchange(self, client=None, **form):
        """Ask the token endpoint by hand: status and answer."""
        client = client or self.client
        answer = requests.post(
            self.provider["token_endpoint"],
            data=form,
            auth=(client["client_id"], client["client_secret"]),
            timeout=20,
        )
        return answer.status_code, answer.json()

    def exchange_code(self, code, client=None, **form):
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        given |= form
        return self.exchange(
            client, **{name: text for name, text in given.items() if text is not None}
        )

    def refresh(self, token, client=None, **form):
        return self.exchange(
            client, grant_type="refresh_token", refresh_token=token, **form
        )


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def get(provider, path, token):
    return requests.get(
        f"{provider['issuer']}{path}", headers=bearer(token), timeout=20
    ).status_code
