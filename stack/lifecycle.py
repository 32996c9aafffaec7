"""``./crm up`` and ``./crm down``."""

import contextlib
import fcntl
import http.client
import json
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from stack import rabbitmq, redis
from stack.control import Supervisor, socket_path
from stack.errors import StackError
from stack.first_org import ensure_first_org, has_first_org
from stack.logs import last_lines
from stack.packages import find_programs
from stack.paths import ROOT, StatePaths
from stack.preflight import check_disk, check_gateway_port
from stack.processes import (
    INFRASTRUCTURE_PORTS,
    External,
    ProcessTable,
    worker_names,
)
from stack.provision import Provision
from stack.secrets import Addresses, make_material, render_uris
from stack.settings import Settings
from stack.specs import ProcessSpec
from stack.supervisor import stop_orphans
from stack.waiting import Waiting

__all__ = ["Stack", "exclusive", "purge"]

_START_TIMEOUT_S: Final = 120.0
_POLL_S: Final = 0.2
# Without these no service starts.
_NEEDED: Final = ("broker", "database")
_STATE: Final = (
    "audit.json",
    "chaos",
    "last-test-logs",
    "logs",
    "mailbox",
    "mongodb",
    "processes.json",
    "rabbitmq",
    "redis",
    "redis-state",
    "reports",
    "secrets",
    "stack.json",
    "status.json",
    "supervisor.lock",
    "up.lock",
)


@contextlib.contextmanager
def exclusive(paths: StatePaths, say: Callable[[str], None]) -> Iterator[None]:
    """One ``up`` or ``down`` at a time; the second waits for the first."""
    with (paths.root / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another ./crm to finish")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass
class Stack:
    """One stack, as ``./crm`` starts and stops it."""

    paths: StatePaths
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.paths)

    def up(self, port: int | None = None, lifeline: int | None = None) -> bool:
        """Start what does not run and wait until all of it is ready.

        Args:
            port: The gateway's; the one of last time, or 8000, if not given.
            lifeline: The read end of a pipe; the stack stops when the other
                end is closed, however that comes about.

        Returns:
            Whether there was anything to do.

        Raises:
            StackError: It cannot be, and why.
        """
        check_disk(self.paths)
        self.paths.make()
        with exclusive(self.paths, self.say):
            settings = Settings.load(self.paths)
            running = self.supervisor.is_running()
            if running and port not in {None, settings.gateway_port}:
                raise StackError(
                    f"The stack runs already, on port {settings.gateway_port}. Stop it "
                    "with `./crm down` to start it on another."
                )
            if running and self._is_complete(settings):
                return False
            settings.gateway_port = port or settings.gateway_port
            if not running:
                self._stop_orphans()
                check_gateway_port(settings.gateway_port)
            table = self._prepare(settings, running=running)
            try:
                self._start(table, lifeline, running=running)
            except KeyboardInterrupt:
                self.say("interrupted, stopping")
                self._stop()
                raise
            return True

    def up_servers(self, lifeline: int | None = None) -> ProcessTable:
        """Start broker and database alone, ready for whatever is to be run on them.

        Args:
            lifeline: As in ``up``.

        Raises:
            StackError: It cannot be, and why.
        """
        check_disk(self.paths)
        self.paths.make()
        with exclusive(self.paths, self.say):
            table = self._prepare(Settings.load(self.paths), running=False)
            self._start_supervisor(lifeline)
            self._start_servers(
                table, [spec for spec in table.infrastructure() if spec.role in _NEEDED]
            )
            return table

    def _is_complete(self, settings: Settings) -> bool:
        states = {
            process["name"]: process["state"]
            for process in self.supervisor.ask("status", check=True)
        }
        wanted = {"gateway", *(name for _, _, name in worker_names(settings.scale))}
        return (
            wanted <= states.keys()
            and set(states.values()) == {"running"}
            and has_first_org(self.paths)
        )

    def _prepare(self, settings: Settings, *, running: bool) -> ProcessTable:
        """Everything that must be on the disk before a process starts."""
        external = External.from_environment(self.paths)
        settings.external = external.names()
        if settings.external:
            servers = ", ".join(settings.external)
            self.say(f"using your {servers}: one user has all rights there")
        programs = find_programs(
            self.say,
            broker=not external.amqp_uri,
            database=not external.mongo_uri,
            cache=not external.redis_url,
        )
        names = [
            *INFRASTRUCTURE_PORTS,
            *(n for _, _, n in worker_names(settings.scale)),
        ]
        settings.choose_ports(names, in_use=names if running else ())
        settings.save(self.paths)
        make_material(self.paths.secrets)
        render_uris(self.paths.secrets, _addresses(settings.ports, external))
        if not running:
            self._render_servers(settings.ports)
        return ProcessTable(self.paths, settings, programs, external)

    def _render_servers(self, ports: dict[str, int]) -> None:
        rabbitmq.render(self.paths, ports)
        (self.paths.data_of("mongodb") / "data").mkdir(
            mode=0o700, parents=True, exist_ok=True
        )
        for name in ("redis", "redis-state"):
            common = self.paths.secrets / name / "redis.conf"
            redis.render_configuration(self.paths.data_of(name), common, ports[name])

    def _start(
        self, table: ProcessTable, lifeline: int | None, *, running: bool
    ) -> None:
        if not running:
            self._start_supervisor(lifeline)
        self._start_servers(table, table.infrastructure())
        applications = table.application()
        self._apply(applications)
        self._await(applications)
        self._await_gateway(table.settings.gateway_port)
        ensure_first_org(self.paths, table.settings.gateway_port)

    def _start_servers(
        self, table: ProcessTable, servers: Sequence[ProcessSpec]
    ) -> None:
        self._apply(servers)
        # While the servers start: it takes a second.
        provision = Provision.load(table, self.say)
        with ThreadPoolExecutor(2, thread_name_prefix="provision") as pool:
            provisions = [
                pool.submit(provision.set_database_up),
                pool.submit(provision.set_broker_up),
            ]
            try:
                self._await(servers)
                for done in provisions:
                    done.result()
            except KeyboardInterrupt:
                # What the threads wait for will not come any more.
                self._stop()
                raise

    def _start_supervisor(self, lifeline: int | None) -> None:
        command = [sys.executable, "-m", "stack.supervisor", str(self.paths.root)]
        if lifeline is not None:
            command += ["--lifeline", str(lifeline)]
        with self.paths.log_of("supervisor").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if lifeline is None else (lifeline,),
            )
        while not self.supervisor.is_running():
            if process.poll() is not None:
                lines = last_lines(self.paths.log_of("supervisor"), 1)
                raise StackError(f"The supervisor did not start: {' '.join(lines)}")
            select.select([], [], [], _POLL_S / 4)

    def _await(self, specs: Iterable[ProcessSpec]) -> None:
        names = [spec.name for spec in specs]
        Waiting(self.paths).until_running(names, say=self.say)

    def _apply(self, specs: Iterable[ProcessSpec]) -> None:
        self.supervisor.ask("apply", specs=[spec.to_json() for spec in specs])

    def migrate(self) -> None:
        """Bring databases and topology of the running stack up to date."""
        settings = Settings.load(self.paths)
        table = self._prepare(settings, running=True)
        # A broker that starts again takes its rights from there.
        rabbitmq.render(self.paths, settings.ports)
        provision = Provision.load(table, self.say)
        provision.set_database_up()
        provision.set_broker_up()

    def rescale(self, settings: Settings, surplus: list[str]) -> None:
        """Start the service processes that are missing, stop those that are too many.

        Raises:
            StackError: The stack does not run.
        """
        self.supervisor.ask("ping")
        with exclusive(self.paths, self.say):
            table = self._prepare(settings, running=True)
            self.supervisor.ask("remove", names=surplus)
            known = {process["name"] for process in self.supervisor.ask("status")}
            added = [spec for spec in table.application() if spec.name not in known]
            self._apply(added)
            self._await(added)

    def _await_gateway(self, port: int) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            status, document = _health(port)
            if status == http.HTTPStatus.OK and document.get("status") == "ok":
                return
            if time.monotonic() > deadline:
                raise StackError(
                    "The gateway answers, but says that it is not ready: "
                    f"{json.dumps(document)}. See `./crm logs`."
                )
            select.select([], [], [], _POLL_S)

    def down(self) -> bool:
        """Stop everything, in order; returns whether anything ran."""
        if not self.paths.root.exists():
            return False
        with exclusive(self.paths, self.say):
            return self._stop()

    def _stop(self) -> bool:
        running = self.supervisor.is_running()
        with contextlib.suppress(StackError):
            # The answers end when all has stopped.
            for _ in self.supervisor.stream("stop", timeout_s=_START_TIMEOUT_S):
                pass
        return self._stop_orphans() or running

    def _stop_orphans(self) -> bool:
        """Stop what a killed supervisor left; they hold ports, the gateway's too."""
        with (self.paths.root / "supervisor.lock").open("w") as lock:
            # Ours as soon as the supervisor's process has ended.
            fcntl.flock(lock, fcntl.LOCK_EX)
            stopped = stop_orphans(self.paths)
            self.paths.children.unlink(missing_ok=True)
            socket_path(self.paths).unlink(missing_ok=True)
        if stopped:
            self.say(f"stopped {stopped} processes whose supervisor was killed")
        return stopped > 0


def _addresses(ports: dict[str, int], external: External) -> Addresses:
    return Addresses(
        amqp=f"127.0.0.1:{ports['rabbitmq']}",
        mongodb=f"127.0.0.1:{ports['mongodb']}",
        redis=f"127.0.0.1:{ports['redis']}",
        redis_state=f"127.0.0.1:{ports['redis-state']}",
        amqp_uri=external.amqp_uri,
        mongo_uri=external.mongo_uri,
        redis_url=external.redis_url,
    )


def _health(port: int) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        document = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        return 0, {"error": str(error)}
    else:
        return response.status, document if isinstance(document, dict) else {}
    finally:
        connection.close()


def purge(paths: StatePaths) -> None:
    """Delete what a stack keeps; the downloaded servers stay.

    Only what a stack is known to make is deleted: the state directory may
    have been mistyped.
    """
    for name in _STATE:
        path = paths.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        paths.root.rmdir()
