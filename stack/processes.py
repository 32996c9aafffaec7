"""The table of a stack's processes, in the order in which they start."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stack import rabbitmq
from stack.orphans import MARK
from stack.packages import Programs
from stack.paths import ROOT, StatePaths
from stack.principals import OPERATOR, SERVICES
from stack.probes import Probe
from stack.settings import Settings
from stack.specs import ProcessSpec

__all__ = [
    "INFRASTRUCTURE",
    "INFRASTRUCTURE_PORTS",
    "ROLES",
    "External",
    "ProcessTable",
    "worker_names",
]

ROLES: Final = ("rpc", "events")
# Everybody on one machine shares one address; the limit per account stays.
_LOCAL_LIMITS: Final = {
    "LIMIT_LOGIN": "600/min burst 600",
    "LIMIT_REGISTER": "600/min burst 600",
    "LIMIT_RESET": "600/min burst 600",
}
INFRASTRUCTURE_PORTS: Final = (
    "epmd",
    "rabbitmq",
    "rabbitmq-distribution",
    "rabbitmq-management",
    "rabbitmq-prometheus",
    "mongodb",
    "redis",
    "redis-state",
    "mail",
)
# What the application stands on, and the part that each plays.
INFRASTRUCTURE: Final[Mapping[str, str]] = {
    "epmd": "broker",
    "rabbitmq": "broker",
    "mongodb": "database",
    "redis": "cache",
    "redis-state": "state",
    "mail": "mail",
}
# What a person may set when starting the stack, for the processes of Rapport.
_PASSED_ON: Final = (
    "CORS_ORIGINS",
    "DRAIN_S",
    "GATEWAY_ANSWER_S",
    "GATEWAY_BODY_S",
    "GATEWAY_BUFFER_BYTES",
    "GATEWAY_CACHE_BYTES",
    "GATEWAY_CONNECTIONS",
    "GATEWAY_HEAD_S",
    "GATEWAY_STREAMS",
    "GATEWAY_STREAMS_PER_PRINCIPAL",
    "GATEWAY_THREADS",
    "GATEWAY_WORKERS",
    "LIMIT_ACCOUNT",
    "LIMIT_LOGIN",
    "LIMIT_NETWORK",
    "LIMIT_PUBLIC",
    "LIMIT_READ",
    "LIMIT_REGISTER",
    "LIMIT_RESET",
    "LIMIT_WRITE",
    "LOG_LEVEL",
    "MAIL_FROM",
    "MAX_WORKERS",
    "PASSWORD_MEMORY_KIB",
    "PASSWORD_PASSES",
    "METRICS_ALLOW",
    "TRUSTED_PROXIES",
)
_EPMD_STAGE, _SERVER_STAGE, _APPLICATION_STAGE = range(3)


@dataclass(frozen=True)
class External:
    """Servers of somebody else that are used in place of our own; URIs or ``""``."""

    amqp_uri: str = ""
    mongo_uri: str = ""
    redis_url: str = ""

    @classmethod
    def from_environment(cls, paths: StatePaths) -> "External":
        """As ``AMQP_URI``, ``MONGO_URI`` and ``REDIS_URL`` say.

        In a shell that took its settings from ``./crm env`` they name servers
        of this very stack, and mean nothing.
        """
        passwords = [
            path.read_text().strip() for path in paths.secrets.glob("*/*password")
        ]
        given = (
            os.environ.get(name, "") for name in ("AMQP_URI", "MONGO_URI", "REDIS_URL")
        )
        return cls(
            *(
                "" if any(password in uri for password in passwords) else uri
                for uri in given
            )
        )

    def names(self) -> list[str]:
        """The processes that need not run."""
        return [
            *(["rabbitmq"] if self.amqp_uri else []),
            *(["mongodb"] if self.mongo_uri else []),
            *(["redis", "redis-state"] if self.redis_url else []),
        ]


def worker_names(scale: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """Service, role and process name of every service process."""
    for service in SERVICES:
        for role in ROLES:
            for number in range(1, scale.get(f"{service}-{role}", 1) + 1):
                yield service, role, f"{service}-{role}-{number}"


@dataclass(frozen=True)
class ProcessTable:
    """Knows how each process of this stack is run."""

    paths: StatePaths
    settings: Settings
    programs: Programs
    external: External

    def infrastructure(self) -> list[ProcessSpec]:
        """The servers that the application stands on."""
        specs = [
            self._epmd(),
            self._rabbitmq(),
            self._mongodb(),
            self._redis("redis", "redis_cache_url"),
            self._redis("redis-state", "redis_state_url"),
            self._mail(),
        ]
        idle = set(self.external.names())
        if "rabbitmq" in idle:
            idle.add("epmd")
        return [spec for spec in specs if spec.name not in idle]

    def application(self) -> list[ProcessSpec]:
        """The gateway and every process of every service."""
        return [
            self._gateway(),
            *(
                self.worker(service, role, name)
                for service, role, name in worker_names(self.settings.scale)
            ),
        ]

    def worker(self, service: str, role: str, name: str) -> ProcessSpec:
        """One process of a service."""
        port = self.settings.ports[name]
        health = f"http://127.0.0.1:{port}/health"
        return ProcessSpec(
            name=name,
            role=role,
            stage=_APPLICATION_STAGE,
            command=self._python("-m", "chassis.launcher", f"svc_{service}", role),
            environment=self._application_environment(
                service,
                HEALTH_ADDRESS=f"127.0.0.1:{port}",
                SMTP_URL=f"smtp://127.0.0.1:{self.settings.ports['mail']}",
            ),
            directory=str(ROOT),
            port=port,
            ready=Probe("http", f"{health}/ready"),
            alive=Probe("http", f"{health}/live"),
            # Longer than a process gives its work to end (DRAIN_S).
            stop_timeout_s=25,
            restart_when_deaf=True,
        )

    def _gateway(self) -> ProcessSpec:
        address = f"127.0.0.1:{self.settings.gateway_port}"
        return ProcessSpec(
            name="gateway",
            role="gateway",
            stage=_APPLICATION_STAGE,
            command=self._python(
                "-m",
                "gunicorn",
                "-c",
                "gateway_flask/gunicorn.conf.py",
                "gateway_flask.app:create_app()",
            ),
            environment=self._application_environment("gateway", **_LOCAL_LIMITS),
            directory=str(ROOT),
            port=self.settings.gateway_port,
            ready=Probe("http", f"http://{address}/health/live"),
            alive=Probe("http", f"http://{address}/health/live"),
            stop_timeout_s=30,
            restart_when_deaf=True,
            listens="GATEWAY_BIND",
        )

    def _epmd(self) -> ProcessSpec:
        port = self.settings.ports["epmd"]
        return self._server(
            "epmd",
            (self.programs.epmd, "-port", str(port)),
            Probe("epmd", f"127.0.0.1:{port}"),
            environment=rabbitmq.node_environment(
                self.paths.data_of("rabbitmq"), self.settings.ports
            ),
            stage=_EPMD_STAGE,
        )

    def _rabbitmq(self) -> ProcessSpec:
        secret = self.paths.secrets_of(OPERATOR) / "amqp_uri"
        return self._server(
            "rabbitmq",
            (self.programs.rabbitmq_server,),
            Probe("amqp", secret_file=str(secret)),
            environment=rabbitmq.node_environment(
                self.paths.data_of("rabbitmq"), self.settings.ports
            ),
        )

    def _mongodb(self) -> ProcessSpec:
        port = self.settings.ports["mongodb"]
        directory = self.paths.data_of("mongodb")
        command = (
            *(self.programs.mongod, "--dbpath", str(directory / "data")),
            *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
            *("--replSet", "rs0", "--auth"),
            *("--keyFile", str(self.paths.secrets / "mongodb" / "keyfile")),
            *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "256", "--quiet"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            # A process that dies in a transaction leaves its rows locked this
            # long (s), half as long again, and with them the relay's lease.
            *("--setParameter", "transactionLifetimeLimitSeconds=5"),
        )
        return self._server("mongodb", command, Probe("mongodb", f"127.0.0.1:{port}"))

    def _redis(self, name: str, url_file: str) -> ProcessSpec:
        configuration = self.paths.data_of(name) / "redis.conf"
        return self._server(
            name,
            (self.programs.redis_server, str(configuration)),
            Probe(
                "redis",
                f"127.0.0.1:{self.settings.ports[name]}",
                str(self.paths.secrets_of(OPERATOR) / url_file),
            ),
        )

    def _mail(self) -> ProcessSpec:
        port = self.settings.ports["mail"]
        return self._server(
            "mail",
            self._python("-m", "stack.mail", str(port), str(self.paths.mailbox)),
            Probe("smtp", f"127.0.0.1:{port}"),
        )

    def _server(
        self,
        name: str,
        command: Iterable[str],
        probe: Probe,
        *,
        environment: Mapping[str, str] | None = None,
        stage: int = _SERVER_STAGE,
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            role=INFRASTRUCTURE[name],
            stage=stage,
            command=tuple(command),
            environment=self._environment(**(environment or {})),
            directory=str(ROOT),
            port=self.settings.ports[name],
            ready=probe,
            alive=probe,
            stop_timeout_s=30,
        )

    def _python(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, *arguments)

    def _application_environment(
        self, principal: str, **settings: str
    ) -> dict[str, str]:
        passed_on = {
            name: os.environ[name] for name in _PASSED_ON if name in os.environ
        }
        return self._environment(
            **{**settings, **passed_on},
            PUBLIC_URL=self.settings.public_url,
            PYTHONUNBUFFERED="1",
            RAPPORT_SECRETS_DIR=str(self.paths.secrets_of(principal)),
        )

    def _environment(self, **more: str) -> dict[str, str]:
        """Nothing of the caller's environment comes along unasked.

        An ``AMQP_URI`` that happens to be exported would else win over the
        credentials that a process is meant to have.
        """
        return {
            "HOME": str(self.paths.root),
            "LANG": "C.UTF-8",
            **self.programs.environment(),
            MARK: str(self.paths.root),
            **more,
        }
