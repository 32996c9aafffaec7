"""The probe in processes of its own, on a vhost and a database of their own."""

import http.client
import json
import os
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from functools import partial
from pathlib import Path

import waiting
from brokers import Broker
from probe.repository import COLLECTIONS
from proxies import Proxy
from pymongo import MongoClient

from chassis.ids import new_id
from chassis.migrate import migrate
from chassis.rpc_client import RpcClient
from stack.orphans import MARK
from stack.paths import ROOT, StatePaths
from stack.ports import choose_port
from stack.settings import Settings
from stack.topology import declare, definitions

ORG = new_id()
VAULT_KEY = "A" * 43 + "="
_DATABASE = "rapport_probe"

until = partial(waiting.until, within_s=20, pause_s=0.05)


class Worker:
    """One process of the probe, started as those of every service are."""

    def __init__(self, role, environment, log):
        self.port = choose_port(())
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own launcher
                [sys.executable, "-m", "chassis.launcher", "probe", role],
                cwd=ROOT,
                env={**environment, "HEALTH_ADDRESS": f"127.0.0.1:{self.port}"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid

    @property
    def is_running(self):
        return self._process.poll() is None

    def readiness(self):
        """What ``/health/ready`` says: its status, and each check."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            response = connection.getresponse()
            return response.status, json.loads(response.read())["checks"]
        except OSError:
            return None, {}
        finally:
            connection.close()

    def await_ready(self, within_s=30):
        def is_ready():
            assert self.is_running, self.log.read_text()[-2_000:]
            return self.readiness()[0] == 200

        until(is_ready, within_s=within_s)

    def signal(self, number):
        os.kill(self.pid, number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """End at once, with whatever is under way."""
        self._process.kill()
        self._process.wait(5)

    def terminate(self):
        """Ask to end; see :meth:`exit_code`."""
        self._process.terminate()

    def exit_code(self, within_s=30):
        return self._process.wait(within_s)

    def messages(self):
        """What it logged so far."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


class World:
    """A vhost, a database, and the probe's processes between them."""

    def __init__(self, status, directory):
        self._directory = directory
        self._state = StatePaths(Path(status["mailbox"]).parent)
        self._workers = []
        self._proxies = []
        self._clients = []
        self._made = Path(directory)
        ports = Settings.load(self._state).ports
        self.broker = Broker(
            status["amqp_uri"],
            ports["rabbitmq-management"],
            f"test-{uuid.uuid4().hex[:12]}",
        )
        self.topology = definitions({"probe": "probe"})
        declare(self.broker.uri, self.topology)
        self._make_database(status)

    def _make_database(self, status):
        host = status["mongo_uri"].rpartition("@")[2].partition("/")[0]
        root = (self._state.secrets / "mongodb" / "root_password").read_text().strip()
        self.mongo_address = host
        self.owner = MongoClient(
            f"mongodb://root:{root}@{host}/?directConnection=true", tz_aware=True
        )
        self.database = self.owner[_DATABASE]
        self._drop_database()
        migrate(self.owner, "probe", "probe", COLLECTIONS)

    def _drop_database(self):
        self.database.command("dropAllUsersFromDatabase")
        self.database.command("dropAllRolesFromDatabase")
        self.owner.drop_database(_DATABASE)

    def proxy_to_broker(self):
        self._proxies.append(Proxy(self.broker.host, self.broker.port))
        return self._proxies[-1]

    def proxy_to_database(self):
        host, _, port = self.mongo_address.partition(":")
        self._proxies.append(Proxy(host, int(port)))
        return self._proxies[-1]

    def start(self, role, *, broker_proxy=None, database_proxy=None):
        """Start a process; see :meth:`Worker.await_ready`."""
        broker = self.broker
        amqp_uri = broker.uri_through(broker_proxy) if broker_proxy else broker.uri
        address, options = self.mongo_address, "replicaSet=rs0"
        if database_proxy:
            # A replica set's members would give away where they really are.
            address, options = (
                f"127.0.0.1:{database_proxy.port}",
                "directConnection=true",
            )
        environment = {
            "AMQP_URI": amqp_uri,
            "HOME": str(self._directory),
            "JWKS_FILE": str(self._state.secrets_of("operator") / "jwks.json"),
            "LANG": "C.UTF-8",
            "MONGO_URI": f"mongodb://probe:probe@{address}/{_DATABASE}"
            f"?authSource={_DATABASE}&{options}",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}",
            "PYTHONUNBUFFERED": "1",
            "VAULT_KEY": VAULT_KEY,
            MARK: str(self._state.root),
        }
        log = Path(self._directory) / f"{role}-{len(self._workers)}.log"
        self._workers.append(Worker(role, environment, log))
        return self._workers[-1]

    def start_all(self, *roles, **terms):
        """Start processes side by side and wait until all of them are ready."""
        workers = [self.start(role, **terms) for role in roles]
        for worker in workers:
            worker.await_ready()
        return workers

    def client(self, proxy=None):
        """The gateway's client of the bus."""
        uri = self.broker.uri_through(proxy) if proxy else self.broker.uri
        self._clients.append(RpcClient(uri, "gateway"))
        return self._clients[-1]

    def order(self, handler, key, **what):
        """Have a handler fail, or take its time, over one record."""
        self.database["orders"].replace_one(
            {"_id": f"{handler}:{key}"}, what, upsert=True
        )

    def countermand(self, handler, key):
        self.database["orders"].delete_one({"_id": f"{handler}:{key}"})

    def starts(self, what, key):
        """The processes that began this, one for each time."""
        rows = self.database["starts"].find({"what": what, "key": key})
        return [row["pid"] for row in rows]

    def effects(self, what, key):
        """The sequence numbers of the events that had their effect, sorted."""
        rows = self.database["effects"].find({"what": what, "key": key})
        return sorted(row["sequence"] for row in rows)

    def close(self):
        for client in self._clients:
            client.close()
        for worker in self._workers:
            if worker.is_running:
                worker.kill()
        for proxy in self._proxies:
            proxy.close()
        self._drop_database()
        self.owner.close()
        with suppress(AssertionError):
            self.broker.close()


def ask(client, method, timeout_s=5.0, context=None, **kwargs):
    """The probe's answer."""
    return client.call(
        "probe", method, kwargs=kwargs, context=context or {}, timeout_s=timeout_s
    ).result
