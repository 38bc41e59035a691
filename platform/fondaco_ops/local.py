"""`fondaco up`: the whole system on one machine. PostgreSQL and Valkey are brought along; nothing has to be installed.

One supervisor holds PostgreSQL, Valkey, the API, the worker, the relay and the scheduler. It makes what is missing,
starts again what dies, and takes everything with it when it ends, also when it is killed.
"""

import argparse
import fcntl
import http.client
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from fondaco_core.config import Settings, read_settings
from fondaco_core.errors import SettingError
from fondaco_core.secret import Secret
from fondaco_ops.embedded import EmbeddedPostgres, EmbeddedValkey
from fondaco_ops.mailbox.local import with_mailbox
from fondaco_ops.places import keep_secret, make_folder, port_is_free
from fondaco_ops.sandbox.local import is_registered, with_sandbox
from fondaco_ops.seed import greet
from fondaco_ops.server import Server
from fondaco_ops.supervise import REFUSED, Program, Stopped, Supervisor, Wishes, last_line

DATABASE = "fondaco"
# An empty system takes some 120 MB; the log of the first minutes as much again.
FREE_BYTES_MIN = 300 * 1024 * 1024
READY_SECONDS = 120.0
# How long an outside server may take to answer a knock.
KNOCK_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `fondaco up` can be told beyond its settings."""
    parser.description = (
        "Starts everything on this machine: PostgreSQL and Valkey (unless FONDACO_DATABASE_URL and FONDACO_REDIS_URL "
        "name others), the API, the worker, the relay and the scheduler. Data, keys and logs are in FONDACO_DATA "
        "(.fondaco). Ctrl-C stops everything in order, a second Ctrl-C at once."
    )
    parser.add_argument("--empty", action="store_true", help="do not fill a new installation with the demo world")


def run(args: argparse.Namespace) -> int:
    """Runs until somebody stops it; 0 then."""
    began = time.monotonic()
    settings = read_settings()
    with Wishes() as wishes, sole_owner(settings.data_dir):
        supervisor = Supervisor(wishes, say)
        try:
            start(settings, supervisor, wishes, seeded=not args.empty)
            say(f"ready after {time.monotonic() - began:.1f} s; Ctrl-C stops everything")
            supervisor.watch()
        except Stopped:
            say("stopping; a second Ctrl-C hurries")
        finally:
            supervisor.stop()
    return 0


def start(settings: Settings, supervisor: Supervisor, wishes: Wishes, *, seeded: bool) -> None:
    """Brings everything up, in order, and returns when the API answers."""
    check_address(settings)
    check_disk(settings.data_dir)
    say(f"data in {settings.data_dir}")
    settings = with_secrets(settings)
    logs = settings.data_dir / "logs"
    make_folder(logs)
    settings = with_servers(settings, supervisor, wishes)
    settings, mailbox = with_mailbox(settings)
    settings, sandbox = with_sandbox(settings)
    environment = environment_for(settings)

    def program(name: str, *arguments: str) -> Program:
        own = environment | metrics_of(settings, name)
        return Program(name, [sys.executable, "-m", *arguments], log=logs / f"{name}.log", environment=own)

    with timed("migrate"):
        run_once(program("migrate", "fondaco_ops", "migrate"), wishes)
    # Whether to have the demo world is decided once, by the first start that comes this far.
    decided = settings.data_dir / "decided"
    if seeded and not decided.exists():
        with timed("seed"):
            run_once(program("seed", "fondaco_ops", "seed"), wishes)
    decided.touch()
    if mailbox is not None:
        supervisor.start(program("mailbox", *mailbox.arguments))
    if sandbox is not None:
        if not is_registered(settings):
            run_once(program("sandbox", *sandbox.registering), wishes)
        supervisor.start(program("sandbox", *sandbox.arguments))
    threads = str(settings.worker_threads)
    with timed("api, worker, relay, scheduler"):
        for service in (
            program("worker", "fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", threads,
                    "--worker-shutdown-timeout", "10000"),
            program("relay", "fondaco_workers.relay"),
            program("scheduler", "fondaco_workers.schedule"),
            program("api", "fondaco_api"),
        ):  # fmt: skip
            supervisor.start(service)
        wait_for_the_api(settings, supervisor, logs)
    say(f"{'api':<10} {settings.public_url}/graphql")
    if mailbox is not None:
        say(f"{'mailbox':<10} {mailbox.page} shows the mails and messages to buyers; none leaves this machine")
    if sandbox is not None:
        say(
            f"{'sandbox':<10} {sandbox.page} is the gateway to pay at; no money moves, and its switches let things go wrong"
        )
    with suppress(OSError):
        print(greet(settings), end="", flush=True)


def say(line: str) -> None:
    """One line for whoever started us. A terminal that was closed hears nothing, and everything is still stopped in order."""
    with suppress(OSError):
        print(f"fondaco: {line}", flush=True)


@contextmanager
def timed(name: str) -> Generator[None]:
    """Says that a step is done and how long it took."""
    began = time.monotonic()
    yield
    say(f"{name:<10} ready ({time.monotonic() - began:.1f} s)")


@contextmanager
def sole_owner(data_dir: Path) -> Generator[None]:
    """Makes sure that one `fondaco up` has the folder; the lock ends with the process, however that ends."""
    make_folder(data_dir, passable=True)
    with (data_dir / "up.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            msg = f"Fondaco already runs with the data in {data_dir}, as process {lock.read().strip() or 'unknown'}."
            raise SettingError(msg) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_address(settings: Settings) -> None:
    """Refuses an address that the API could not listen on, before anything is started."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except OSError as failure:
        msg = f"FONDACO_HOST is {settings.host!r}, which is no address of this machine ({failure.strerror})."
        raise SettingError(msg) from failure
    if not port_is_free(str(found[0][4][0]), settings.port):
        msg = (
            f"The API cannot listen on {settings.host}:{settings.port}: the port is in use or not ours to take; "
            "set FONDACO_PORT to a free one."
        )
        raise SettingError(msg)


def check_disk(data_dir: Path) -> None:
    """Refuses to start where the first minutes would fill the disk."""
    free = shutil.disk_usage(data_dir).free
    if free < FREE_BYTES_MIN:
        msg = (
            f"The disk that holds {data_dir} is full: {free // 1024**2} MB are free, "
            f"{FREE_BYTES_MIN // 1024**2} MB are needed; make room or set FONDACO_DATA to another place."
        )
        raise SettingError(msg)


def with_secrets(settings: Settings) -> Settings:
    """The settings with the installation's own secrets: made at the first start, demanded at every later one.

    A key that is gone is never replaced: what was sealed with it could not be opened again.
    """
    keys = settings.data_dir / "keys"
    master, role = keys / "master.keys", keys / "role.secret"
    needed = []
    if settings.master_key is None and settings.master_key_file is None:
        needed.append((master, "FONDACO_MASTER_KEY_FILE"))
    if settings.role_secret is None:
        needed.append((role, "FONDACO_ROLE_SECRET"))
    begun = settings.data_dir / "begun"
    for path, variable in needed:
        if not path.exists() and begun.exists():
            msg = (
                f"The key file {path} is gone, and the data in {settings.data_dir} needs it: put it back (or set "
                f"{variable}), or set FONDACO_DATA to a new folder to begin anew."
            )
            raise SettingError(msg)
    if needed:
        keys.mkdir(mode=0o700, exist_ok=True)
        make_missing(master if (master, "FONDACO_MASTER_KEY_FILE") in needed else None)
    if settings.role_secret is None:
        settings = replace(settings, role_secret=Secret(keep_secret(role)))
    if settings.master_key is None and settings.master_key_file is None:
        settings = replace(settings, master_key_file=master)
    # Written after the keys and before any data: data without keys is then always a loss, never an interrupted start.
    begun.touch()
    return settings


def make_missing(master: Path | None) -> None:
    """Makes the master key file, where one is asked for and there is none."""
    if master is not None and not master.exists():
        # Only the first start needs it, and it is most of what the supervisor would weigh.
        from fondaco_core.crypto.keys import create_master_key_file  # noqa: PLC0415

        create_master_key_file(master)
        say(f"{'keys':<10} made in {master.parent}; whoever loses them loses every code: keep a copy")


def with_servers(settings: Settings, supervisor: Supervisor, wishes: Wishes) -> Settings:
    """The settings with a database and a queue that answer: the outside ones they name, or our own, started here."""
    logs = settings.data_dir / "logs"
    if settings.database_url is not None:
        knock(settings.database_url, "FONDACO_DATABASE_URL", 5432)
    else:
        postgres = EmbeddedPostgres(settings.data_dir / "postgres", log=logs / "postgres.log", waiting=wishes.check)
        start_server(postgres, supervisor)
        postgres.ensure_database(DATABASE)
        settings = replace(settings, database_url=Secret(postgres.dsn(DATABASE)))
    if settings.redis_url is not None:
        knock(settings.redis_url, "FONDACO_REDIS_URL", 6379)
    else:
        valkey = EmbeddedValkey(settings.data_dir / "valkey", log=logs / "valkey.log", waiting=wishes.check)
        start_server(valkey, supervisor)
        settings = replace(settings, redis_url=Secret(valkey.url))
    return settings


def start_server(server: Server, supervisor: Supervisor) -> None:
    """Starts one of our servers under the supervisor."""
    began = time.monotonic()
    supervisor.start(server)
    say(f"{server.name:<10} ready on 127.0.0.1:{server.port} ({time.monotonic() - began:.1f} s)")


def knock(url: Secret[str], variable: str, default_port: int) -> None:
    """Refuses an outside server that does not even take a connection."""
    parts = urlsplit(url.reveal())
    if not parts.hostname:
        # A Unix socket: whoever connects first finds out.
        return
    address = (parts.hostname, parts.port or default_port)
    try:
        socket.create_connection(address, timeout=KNOCK_SECONDS).close()
    except OSError as failure:
        msg = f"{variable} names {address[0]}:{address[1]}, where nothing answers ({failure.strerror or failure})."
        raise SettingError(msg) from failure


def environment_for(settings: Settings) -> dict[str, str]:
    """What our processes get to see: the caller's environment and the settings made here."""
    made = {
        "FONDACO_DATA": str(settings.data_dir),
        "FONDACO_DATABASE_URL": settings.require_database_url().reveal(),
        "FONDACO_REDIS_URL": settings.require_redis_url().reveal(),
        "FONDACO_ROLE_SECRET": settings.require_role_secret().reveal(),
        "FONDACO_PUBLIC_URL": settings.public_url,
        "PYTHONUNBUFFERED": "1",
    }
    if settings.profile == "local" and not settings.reachable_networks:
        # What receives webhooks while one tries things out is a program on the same machine.
        made["FONDACO_REACHABLE_NETWORKS"] = "127.0.0.0/8,::1/128"
    if settings.mail_url is not None:
        made |= {"FONDACO_MAIL_URL": settings.mail_url.reveal(), "FONDACO_MAIL_FROM": settings.mail_from}
    if settings.sandbox_port is not None:
        made["FONDACO_SANDBOX_PORT"] = str(settings.sandbox_port)
    if settings.sms_url is not None:
        made["FONDACO_SMS_URL"] = settings.sms_url.reveal()
    if settings.master_key_file is not None:
        made["FONDACO_MASTER_KEY_FILE"] = str(settings.master_key_file)
    return os.environ | made


def metrics_of(settings: Settings, name: str) -> dict[str, str]:
    """Where a process shows metrics when somebody wants them: one port each, as they share a machine."""
    behind = ("worker", "relay", "scheduler")
    if settings.metrics_port is None or name not in behind:
        return {}
    return {"FONDACO_METRICS_PORT": str(settings.metrics_port + behind.index(name))}


def run_once(program: Program, wishes: Wishes) -> None:
    """Runs one of our own commands to its end; its refusal becomes ours."""
    program.log.unlink(missing_ok=True)
    code = program.run_once(wishes.check)
    if code != 0:
        last = last_line(program.log)
        msg = last if code == REFUSED else f"`fondaco {program.name}` failed: {last} (see {program.log})"
        raise SettingError(msg)


def wait_for_the_api(settings: Settings, supervisor: Supervisor, logs: Path) -> None:
    """Returns when the API says that it is ready, with the database and the queue behind it."""
    deadline = time.monotonic() + READY_SECONDS
    answered = ready_check(settings)

    def settled() -> bool:
        return answered() or time.monotonic() > deadline

    supervisor.watch(settled, look_every_s=0.1)
    if not answered():
        msg = (
            f"The API was not ready within {READY_SECONDS:.0f} seconds; the last it said: {last_line(logs / 'api.log')}"
        )
        raise SettingError(msg)


def ready_check(settings: Settings) -> Callable[[], bool]:
    """A question: does GET /readyz of the API answer 200 by now?"""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound

    def answers() -> bool:
        connection = http.client.HTTPConnection(host, settings.port, timeout=2.0)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        connection.close()
        return False

    return answers
