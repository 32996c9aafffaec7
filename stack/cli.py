"""The commands behind ``./crm``."""

import argparse
import errno
import os
import secrets
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final

from stack.audit import add_audit_commands
from stack.dead_letters import count_dead_letters
from stack.errors import StackError
from stack.lifecycle import Stack, purge
from stack.operate import print_environment, restart, scale, show_logs
from stack.operator_commands import add_operator_commands
from stack.paths import state_paths
from stack.preflight import NO_SPACE
from stack.rebuild import add_rebuild_command
from stack.signing_keys import add_key_commands
from stack.status import collect_status, print_status

__all__ = ["main"]

_DOWN_EXIT_CODE: Final = 3
_INTERRUPTED_EXIT_CODE: Final = 130
_SEEDS: Final = 1_000_000
_BENCH_PARTS: Final = {
    "bus": ("rpc", "client", "events"),
    "gateway": ("get", "lists", "overhead", "streams"),
    "customer": ("reads", "segments", "history", "bulk", "memory"),
}
_TEST_STEPS: Final = ("all", "lint", "unit", "contract", "integration", "e2e")


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def _up(given: argparse.Namespace) -> int:
    stack = Stack(state_paths(), _say)
    if given.foreground:
        return _up_in_foreground(stack, given.port)
    if not stack.up(given.port):
        print("Rapport runs already.")
    _print_welcome()
    return 0


def _up_in_foreground(stack: Stack, port: int | None) -> int:
    """Start, follow all logs, and stop when interrupted, ended or killed."""
    if stack.supervisor.is_running():
        raise StackError(
            "The stack runs in the background already. Stop it with `./crm down`, or "
            "watch it with `./crm logs -f`."
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lifeline, end = os.pipe()
    stack.up(port, lifeline)
    os.close(lifeline)
    _print_welcome()
    try:
        show_logs(stack.paths, "all", keep_following=True)
    except KeyboardInterrupt:
        print("Stopping.", flush=True)
        stack.down()
    finally:
        os.close(end)
    return 0


def _print_welcome() -> None:
    status = collect_status(state_paths())
    print(f"\nRapport is up: {status['gateway']}")
    print(f"  log in with  {status['demo']['email']}  {status['demo']['password']}")
    print("  see          ./crm status    ./crm demo    ./crm logs -f    ./crm down")


def _down(given: argparse.Namespace) -> int:
    paths = state_paths()
    stopped = Stack(paths, _say).down()
    print("Rapport is down." if stopped else "Rapport was not running.")
    if given.purge:
        purge(paths)
        print(f"Deleted its data in {paths.root}.")
    return 0


def _status(given: argparse.Namespace) -> int:
    status = collect_status(state_paths())
    print_status(status, as_json=given.json)
    states = {process["state"] for process in status["processes"]}
    if states == {"stopped"}:
        return _DOWN_EXIT_CODE
    if not given.json:
        for service, count in count_dead_letters(state_paths()).items():
            print(f"! {count} dead letters of {service}: see `./crm dlq list`")
    return 0


def _logs(given: argparse.Namespace) -> int:
    show_logs(state_paths(), given.process, keep_following=given.follow)
    return 0


def _restart(given: argparse.Namespace) -> int:
    for name in restart(state_paths(), given.process):
        _say(f"{name} restarted")
    return 0


def _scale(given: argparse.Namespace) -> int:
    scale(Stack(state_paths(), _say), given.count)
    return 0


def _migrate(_given: argparse.Namespace) -> int:
    Stack(state_paths(), _say).migrate()
    print("Databases, rights and topology are up to date.")
    return 0


def _env(given: argparse.Namespace) -> int:
    print_environment(state_paths(), given.service)
    return 0


def _shell(given: argparse.Namespace) -> int:
    # Nameko brings eventlet along: kept from all other commands.
    from stack.shell import run_shell  # noqa: PLC0415

    run_shell(state_paths(), given.org)
    return 0


def _demo(_given: argparse.Namespace) -> int:
    from stack.demo import main as run_demo  # noqa: PLC0415

    if not Stack(state_paths(), _say).supervisor.is_running():
        raise StackError("The stack is not running. Start it with `./crm up`.")
    return run_demo(collect_status(state_paths()))


def _test(given: argparse.Namespace) -> int:
    from stack.testing import run_tests  # noqa: PLC0415

    return run_tests(given.steps)


def _bench(given: argparse.Namespace) -> int:
    from evaluation.bench import command as bus  # noqa: PLC0415
    from evaluation.bench.customer.command import run_customer_benchmark  # noqa: PLC0415
    from evaluation.bench.gateway.command import run_gateway_benchmark  # noqa: PLC0415
    from evaluation.bench.parts import Options  # noqa: PLC0415

    measured = (given.seconds, given.rounds, given.only, given.json)
    if given.what == "bus":
        return bus.run_bus_benchmark(bus.Options(*measured))
    options = Options(given.contacts, *measured)
    if given.what == "customer":
        return run_customer_benchmark(options)
    return run_gateway_benchmark(options)


def _chaos(given: argparse.Namespace) -> int:
    from evaluation.chaos.command import Options, run_chaos  # noqa: PLC0415

    first = secrets.randbelow(_SEEDS) if given.seed is None else given.seed
    return run_chaos(
        Options(given.seconds, given.seeds, first, given.writers, given.json)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./crm", description="Rapport on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Callable[[Any], int], does: str) -> Any:
        added = commands.add_parser(name, help=does, description=does)
        added.set_defaults(run=run)
        return added

    up = command("up", _up, "set up what is missing and start everything")
    up.add_argument("--foreground", action="store_true", help="stay, and show the logs")
    up.add_argument("--port", type=int, help="the gateway's port (8000)")
    down = command("down", _down, "stop everything")
    down.add_argument("--purge", action="store_true", help="delete the data, too")
    status = command("status", _status, "show every process")
    status.add_argument("--json", action="store_true", help="for programs")
    logs = command("logs", _logs, "show logs")
    logs.add_argument("process", nargs="?", default="all")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing")
    again = command("restart", _restart, "stop a process and start it")
    again.add_argument("process", help="a name, a service, or all")
    count = command("scale", _scale, "run several processes of a role")
    count.add_argument("count", metavar="sales-rpc=3")
    command("migrate", _migrate, "bring databases, rights and topology up to date")
    env = command("env", _env, "print a service's settings for your shell")
    env.add_argument("service")
    shell = command("shell", _shell, "nameko shell with the operator's rights")
    shell.add_argument("--org", help="the organization to act in (the demo's)")
    add_operator_commands(command)
    add_key_commands(command)
    add_audit_commands(command)
    add_rebuild_command(command)
    command("demo", _demo, "drive the main job end to end, over HTTP")
    test = command("test", _test, "run the tests on a stack of their own")
    test.add_argument("steps", nargs="*", choices=_TEST_STEPS, default="all")
    bench = command("bench", _bench, "measure beside stock Nameko")
    benches = bench.add_subparsers(required=True, metavar="what", dest="what")
    for what, parts in _BENCH_PARTS.items():
        one = benches.add_parser(what)
        one.add_argument("--seconds", type=float, default=1.0, help="of each cell")
        one.add_argument("--rounds", type=int, default=3, help="to take medians over")
        one.add_argument("--only", choices=parts, help="one part")
        one.add_argument("--json", action="store_true", help="for programs")
        if what != "bus":
            one.add_argument("--contacts", type=int, default=1_000_000, help="to make")
    chaos = command("chaos", _chaos, "kill everything under load, then check it all")
    chaos.add_argument("--seconds", type=float, default=60.0, help="for each seed")
    chaos.add_argument("--seeds", type=int, default=1, help="how many runs")
    chaos.add_argument("--seed", type=int, help="of the first run; random if not given")
    chaos.add_argument("--writers", type=int, default=8, help="clients at a time")
    chaos.add_argument("--json", action="store_true", help="for programs")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code says how it went."""
    given = _parser().parse_args(arguments)
    os.umask(0o077)
    # Nameko needs it; nobody at a prompt can do anything about it.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    try:
        # ./crm holds Ctrl-C back until here.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return int(given.run(given))
    except StackError as error:
        print(f"crm: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("crm: interrupted", file=sys.stderr)
        return _INTERRUPTED_EXIT_CODE
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"crm: {NO_SPACE}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
