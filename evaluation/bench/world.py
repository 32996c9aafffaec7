"""A whole stack for one run, with customers in it and people who may see them."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from chassis.auth import Reach
from chassis.key_set import KeySet
from chassis.signer import Signer
from evaluation.bench.servers import Servers, private_servers
from evaluation.data.customers import Organization, organizations
from evaluation.data.members import join
from evaluation.data.seeding import Seeded, seed
from stack.probes import Probe
from stack.settings import Settings
from stack.specs import ProcessSpec

__all__ = ["PRINCIPALS", "World", "filled_world", "request"]

PRINCIPALS: Final = 20
_LIFETIME_S: Final = 6 * 3_600
_RIGHTS: Final = (
    *("accounts", "contacts", "interactions", "segments"),
    *("leads", "opportunities"),
)


@dataclass(frozen=True)
class World:
    """A stack that runs, and what is in it.

    Attributes:
        organization: The large one.
        others: Small ones.
        port: The gateway's.
    """

    servers: Servers
    organization: Organization
    others: Sequence[Organization]
    seeded: Seeded
    port: int

    def signer(self) -> Signer:
        """Who signs for people; nobody else need know them."""
        directory = self.servers.stack.paths.secrets_of("auth")
        url = f"http://127.0.0.1:{self.port}"
        keys = KeySet.load(directory / "jwks.json", url)
        return Signer(directory / "signing_key.pem", keys)

    def tokens(
        self,
        reach: Reach = "all",
        count: int = PRINCIPALS,
        organization: Organization | None = None,
    ) -> list[str]:
        """Of the people who own the most, each with limits of their own.

        Args:
            reach: How far their rights go, to read and to write.
            count: How many of them.
            organization: Whose people; those of the large one if not given.
        """
        signer = self.signer()
        organization = organization or self.organization
        actions = ("read", "write")
        return [
            signer.sign(
                subject=owner_id,
                org_id=organization.id,
                grants={f"{each}:{do}": reach for each in _RIGHTS for do in actions},
                lifetime_s=_LIFETIME_S,
                currency="EUR",
                time_zone="Europe/Berlin",
            )
            for owner_id in organization.owner_ids[:count]
        ]

    def contact_ids(self, count: int) -> list[str]:
        """Live contacts, spread over all of them."""
        step = max(self.organization.contact_count // (count * 2), 1)
        live = (
            contact.id
            for number in range(0, self.organization.contact_count, step)
            for contact in self.organization.contacts(number, number + 1)
            if contact.archived_at is None
        )
        return [each for each, _ in zip(live, range(count), strict=False)]

    def gateway(self) -> ProcessSpec:
        """How the gateway is run."""
        specs = self.servers.table.application()
        return next(each for each in specs if each.name == "gateway")

    def start_gateway(self, name: str, **environment: str) -> int:
        """Another gateway with settings of its own; its port."""
        port = self.servers.free_port()
        address = f"127.0.0.1:{port}"
        live = Probe("http", f"http://{address}/health/live")
        spec = self.gateway()
        given = {**spec.environment, **environment}
        self.servers.run(
            replace(
                spec, name=name, port=port, environment=given, ready=live, alive=live
            )
        )
        self.servers.await_running(name)
        return port


@contextlib.contextmanager
def filled_world(
    contacts: int, say: Callable[[str], None], *, with_interactions: bool = False
) -> Iterator[World]:
    """Start servers, fill the database, start everything else.

    Raises:
        StackError: Something does not start.
    """
    with private_servers(say) as servers:
        world = organizations(contacts)
        say(f"making {contacts} contacts, and a tenth of that in other organizations")
        seeded = seed(
            _root_uri(servers), world, say, with_interactions=with_interactions
        )
        settings = Settings.load(servers.stack.paths)
        settings.gateway_port = servers.free_port()
        settings.save(servers.stack.paths)
        servers.table.settings.gateway_port = settings.gateway_port
        servers.stack.up()
        with servers.database() as client:
            for organization in world:
                join(client, organization)
        yield World(servers, world[0], world[1:], seeded, settings.gateway_port)


def _root_uri(servers: Servers) -> str:
    secrets = servers.table.paths.secrets
    password = (secrets / "mongodb" / "root_password").read_text()
    address = f"127.0.0.1:{servers.table.settings.ports['mongodb']}"
    return f"mongodb://root:{password}@{address}/?directConnection=true"


def request(
    method: str,
    path: str,
    token: str,
    *,
    body: Mapping[str, Any] | None = None,
    headers: Sequence[str] = (),
) -> str:
    """A whole HTTP/1.1 request, as the load generator sends it."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: bench",
        f"Authorization: Bearer {token}",
        *headers,
    ]
    data = "" if body is None else json.dumps(body)
    if data:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", data])
