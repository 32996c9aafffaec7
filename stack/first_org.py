"""The organization that a first ``./crm up`` registers for its user."""

import http.client
import json
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from stack.errors import StackError
from stack.paths import StatePaths
from stack.private_files import read_json, write_json

__all__ = ["ensure_first_org", "has_first_org"]

_EMAIL: Final = "demo@rapport.example"
_TIMEOUT_S: Final = 30


@dataclass(frozen=True)
class _Gateway:
    port: int

    def request(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One JSON request; the status and the body of the answer."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=_TIMEOUT_S
        )
        try:
            connection.request(
                method, path, json.dumps(body) if body else None, headers
            )
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise StackError(
                f"The gateway did not answer {method} {path}: {error}. See "
                "`./crm logs gateway`."
            ) from error
        finally:
            connection.close()


def ensure_first_org(paths: StatePaths, gateway_port: int) -> dict[str, str]:
    """Register the demo organization unless that has been done; returns its login.

    The password is kept before the request is made, so that a run cut short
    in between can log in afterwards.
    """
    path = _login_file(paths)
    kept: dict[str, str] = read_json(path) or {}
    if kept.get("org_id"):
        return kept
    gateway = _Gateway(gateway_port)
    kept = kept or _new_login(_EMAIL)
    write_json(path, kept)
    token = _register(gateway, kept)
    if token is None:
        # A database of somebody else's knows the address from another stack.
        kept = _new_login(f"demo-{secrets.token_hex(4)}@rapport.example")
        write_json(path, kept)
        token = _register(gateway, kept)
    kept["org_id"] = _org_id(gateway, str(token))
    write_json(path, kept)
    return kept


def _new_login(email: str) -> dict[str, str]:
    return {"email": email, "password": secrets.token_urlsafe(12), "org_id": ""}


def has_first_org(paths: StatePaths) -> bool:
    """Whether that has been done."""
    return bool((read_json(_login_file(paths)) or {}).get("org_id"))


def _login_file(paths: StatePaths) -> Path:
    return paths.secrets / "demo.json"


def _register(gateway: _Gateway, login: dict[str, str]) -> str | None:
    """An access token; ``None`` if somebody else has registered that address."""
    credentials = {name: login[name] for name in ("email", "password")}
    status, answer = gateway.request(
        "POST",
        "/v1/auth/register-org",
        {"org_name": "Demo", "name": "Demo Owner", **credentials},
    )
    if status == HTTPStatus.CONFLICT:
        status, answer = gateway.request("POST", "/v1/auth/login", credentials)
        if status == HTTPStatus.UNAUTHORIZED:
            return None
    return str(_expect(status, answer, "access_token"))


def _org_id(gateway: _Gateway, token: str) -> str:
    status, answer = gateway.request("GET", "/v1/orgs/current", token=token)
    return str(_expect(status, answer, "id"))


def _expect(status: int, answer: dict[str, Any], member: str) -> Any:
    if status not in {HTTPStatus.OK, HTTPStatus.CREATED} or member not in answer:
        raise StackError(
            "The demo organization could not be registered: the gateway answered "
            f"{status} {answer.get('code', '')}. See `./crm logs gateway`; "
            "`./crm down --purge` begins anew."
        )
    return answer[member]
