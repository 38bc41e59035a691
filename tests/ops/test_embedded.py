"""PostgreSQL and Valkey out of wheels: a life of their own, in any folder, as any account."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from fondaco_core.errors import SettingError
from fondaco_ops.account import choose_account, reachable
from fondaco_ops.embedded import EmbeddedPostgres, EmbeddedValkey, postgres_tool
from fondaco_ops.places import remove_tree
from tests.support.processes import ends

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a blank and a quote in its name, which other accounts may pass through."""
    base = Path(tempfile.mkdtemp(prefix="fondaco ops' "))
    base.chmod(0o711)
    yield base
    remove_tree(base)


def make_postgres(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder / "postgres", durable=False)


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_what_was_stored_is_there_after_a_restart(folder: Path) -> None:
    postgres = make_postgres(folder)
    with postgres:
        postgres.ensure_database("shop")
        postgres.ensure_database("shop")
        address = postgres.dsn("shop")
        await ask(address, "CREATE TABLE kept AS SELECT 42 AS answer")

    with postgres:
        assert postgres.dsn("shop") == address
        assert await ask(address, "SELECT answer FROM kept") == 42
        pid = postgres.pid

    assert pid is not None
    assert ends(pid)


async def test_the_text_order_and_encoding_do_not_depend_on_the_machine(folder: Path) -> None:
    with make_postgres(folder) as postgres:
        found = await ask(
            postgres.admin_dsn,
            "SELECT datlocprovider::text || ' ' || datlocale || ' ' || pg_encoding_to_char(encoding)"
            " FROM pg_database WHERE datname = 'postgres'",
        )

    assert found == "b C.UTF-8 UTF8"


async def test_nobody_enters_without_the_password(folder: Path) -> None:
    with make_postgres(folder) as postgres, EmbeddedValkey(folder / "valkey", durable=False) as valkey:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(host="127.0.0.1", port=postgres.port, user="postgres", password="guess")
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=valkey.port).ping()

    for server in ("postgres", "valkey"):
        assert stat.S_IMODE((folder / server / "password").stat().st_mode) == 0o600


async def test_no_statement_reaches_the_log_even_when_it_fails(folder: Path) -> None:
    with make_postgres(folder) as postgres:
        connection = await asyncpg.connect(postgres.admin_dsn)
        await connection.execute("CREATE TABLE code (secret text PRIMARY KEY)")
        await connection.execute("INSERT INTO code VALUES ($1)", "CANARY-PARAMETER")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO code VALUES ($1)", "CANARY-PARAMETER")
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.execute("SELECT 'CANARY-LITERAL' FROM nowhere")
        await connection.close()

    log = postgres.log.read_text()
    assert "nowhere" in log
    assert "CANARY" not in log


def test_a_folder_in_use_is_refused_with_the_process_that_has_it(folder: Path) -> None:
    with make_postgres(folder), pytest.raises(SettingError, match=f"in use by process {os.getpid()};"):
        make_postgres(folder).start()


async def test_a_lock_file_that_names_a_stranger_does_not_stop_a_start(folder: Path) -> None:
    with make_postgres(folder):
        pass
    (folder / "postgres" / "cluster" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n1\n5432\n\n\n\nready\n")

    with make_postgres(folder) as postgres:
        assert await ask(postgres.admin_dsn, "SELECT 1") == 1


async def test_a_killed_postgres_starts_again_at_the_same_address(folder: Path) -> None:
    with make_postgres(folder) as postgres:
        address, pid = postgres.admin_dsn, postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)

        postgres.start()

        assert postgres.admin_dsn == address
        assert await ask(address, "SELECT 1") == 1


def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    unfinished = folder / "postgres" / "cluster.interrupted.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    with make_postgres(folder) as postgres:
        assert postgres.running
    assert not unfinished.exists()


def test_valkey_keeps_what_it_holds_even_when_killed(folder: Path) -> None:
    valkey = EmbeddedValkey(folder / "valkey")
    valkey.start()
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "yes")
        # The append-only file is written before the answer; what the second of grace is about is the disk, not a crash.
        client.config_set("appendfsync", "always")
        client.set("also", "yes")
    pid, address = valkey.pid, valkey.url
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert ends(pid)

    with valkey, redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        assert valkey.url == address
        assert client.mget("kept", "also") == ["yes", "yes"]


def test_a_server_that_cannot_start_says_why_in_one_sentence(folder: Path) -> None:
    with make_postgres(folder):
        pass
    (folder / "postgres" / "cluster" / "postgresql.conf").write_text("shared_buffers = 'rather many'\n")

    with pytest.raises(SettingError, match=r"PostgreSQL in .* did not start: .*see .*server\.log") as refusal:
        make_postgres(folder).start()

    assert "\n" not in str(refusal.value)


def test_servers_do_not_outlive_a_killed_owner(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from fondaco_ops.embedded import *\n"
        "postgres = EmbeddedPostgres(Path(sys.argv[1], 'postgres'), durable=False); postgres.start()\n"
        "valkey = EmbeddedValkey(Path(sys.argv[1], 'valkey')); valkey.start()\n"
        "print(postgres.pid, valkey.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        owner.kill()

    with make_postgres(folder) as postgres:
        assert postgres.running
    assert len(pids) == 2
    assert all(ends(pid) for pid in pids)


@pytest.mark.skipif(not IS_ROOT, reason="only root has to become somebody else")
def test_root_runs_postgres_as_another_account(folder: Path) -> None:
    with make_postgres(folder) as postgres:
        status = Path(f"/proc/{postgres.pid}/status").read_text()

    uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
    account = choose_account(folder, postgres_tool("postgres"))
    assert ("0" not in uids.split()) == (not account.leash.endswith("@"))


@pytest.mark.skipif(not IS_ROOT, reason="only root has to become somebody else")
async def test_root_runs_postgres_where_nobody_else_may_look(folder: Path) -> None:
    folder.chmod(0o700)
    postgres = make_postgres(folder)

    with postgres:
        assert await ask(postgres.admin_dsn, "SELECT 1") == 1

    # The folder is opened to others later, and to root alone again: its files change hands each time.
    for mode in (0o711, 0o700):
        folder.chmod(mode)
        with postgres:
            assert await ask(postgres.admin_dsn, "SELECT 1") == 1


@pytest.mark.skipif(
    not IS_ROOT or not reachable(Path(sys.executable), uid=65534, gid=65534), reason="needs root and a Python for all"
)
def test_an_ordinary_account_runs_both_servers(folder: Path) -> None:
    os.chown(folder, 65534, 65534)
    script = (
        "import sys; from pathlib import Path; from fondaco_ops.embedded import temporary_servers\n"
        "with temporary_servers(Path(sys.argv[1], 'own')) as servers: print(*(server.running for server in servers))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == ["True", "True"], done.stderr
