"""What was planted is searched for everywhere afterwards: it is found nowhere but where somebody was meant to see it.

A world with all its secrets is made, a whole installation runs on it with its logs at their loudest, and everything happens
that may: imports by each door, mails, messages, a gateway, a gift, refusals, an error that nobody foresaw, deaths, rotations
and the end of a merchant. What is left then, and what has left the house, is looked through.
"""

import asyncio
import base64
import gzip
import hashlib
import subprocess
import tarfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from fondaco_core import custody, limits, tenancy
from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.db import Database, governing, sealed_columns
from fondaco_core.identity import PLATFORM_ADMIN_PERMISSIONS
from fondaco_ops.backup import BASE, take
from fondaco_tenants import registry
from tests.support.breaking import free_port
from tests.support.clock import later
from tests.support.dealings import Dealings
from tests.support.door import open_door
from tests.support.haystack import Haystack, dump, keys_of
from tests.support.passing import pass_on
from tests.support.receiver import Receiver, receiving
from tests.support.rows import as_owner
from tests.support.sandbox import Sandbox
from tests.support.smtp import Post, post_office
from tests.support.trade import CONTROL, KEPT, Installation, Trade
from tests.support.waiting import until
from tests.support.world import World, make_worlds, node_id
from tests.workers.conftest import Start, kill

KEEPER = system_ctx("canary", permissions=PLATFORM_ADMIN_PERMISSIONS | {"system.run"})
COLUMNS = sealed_columns(registry.metadata())
WORKER = ("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "2")
# Three processes start one after the other, on a machine that may be busy with others.
STARTED_S = 60.0
EVIDENCE = """mutation ($i: MakeEvidenceInput!) { result: makeEvidence(input: $i, idempotencyKey: "canary evidence") { __typename
  ... on MakeEvidenceSuccess { evidence { document } } ... on Failure { code message } } }"""


@dataclass(slots=True)
class Outside:
    """What is beyond the walls: a post office, a merchant's own system, a collector of traces, a gateway."""

    post: Post
    hooks: Receiver
    collector: Receiver
    sandbox: Sandbox
    stack: AsyncExitStack

    def client(self, port: int) -> Installation:
        """Somebody who asks the installation from outside, until the end."""
        asked = Installation(port)
        self.stack.push_async_callback(asked.http.aclose)
        return asked


@dataclass(slots=True)
class House:
    """The processes of the installation, which may all be killed."""

    start: Start
    settings: Settings
    outside: Outside
    port: int
    running: dict[str, "subprocess.Popen[bytes]"]

    def run(self, name: str, *module: str) -> None:
        """Starts a part, again if need be."""
        where = {
            "FONDACO_PORT": str(self.port), "FONDACO_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "FONDACO_TRACES_URL": f"http://127.0.0.1:{self.outside.collector.port}",
            "FONDACO_MAIL_URL": f"smtp://127.0.0.1:{self.outside.post.port}", "FONDACO_MAIL_FROM": "shop@example.com",
            "FONDACO_REACHABLE_NETWORKS": "127.0.0.0/8",
        }  # fmt: skip
        self.running[name] = self.start(*module, **where)

    def begin(self) -> None:
        """Everything behind the front door."""
        self.run("relay", "fondaco_workers.relay")
        self.run("scheduler", "fondaco_workers.schedule")
        self.run("worker", *WORKER)

    def die(self) -> None:
        """Kill -9 for everything, and everything begins again."""
        for process in self.running.values():
            kill(process)
        self.run("api", "fondaco_api")
        self.begin()

    async def command(self, *words: str) -> None:
        """What an operator types; its output is among the logs."""
        process = self.start("fondaco_ops", *words)
        assert await asyncio.to_thread(process.wait) == 0, words


@pytest.fixture
async def worlds(settings: Settings, database: Database, queue: "redis.Redis") -> tuple[World, World]:
    """Two merchants with every kind of secret there is, made after the queue was emptied: their imports wait to be done."""
    assert database
    assert queue
    async with open_door(settings) as door:
        return await make_worlds(door)


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    sandbox = Sandbox(tmp_path / "gateway")
    async with AsyncExitStack() as stack:
        post = await stack.enter_async_context(post_office())
        hooks, collector = [await stack.enter_async_context(receiving()) for _ in range(2)]
        stack.push_async_callback(sandbox.aclose)
        await sandbox.start()
        yield Outside(post, hooks, collector, sandbox, stack)


async def test_no_secret_is_left_anywhere(  # noqa: PLR0915, PLR0917 - one long story
    worlds: tuple[World, World],
    outside: Outside,
    queue_settings: Settings,
    queue: "redis.Redis",
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, leaver = worlds
    house = House(start, queue_settings, outside, free_port(), {})
    house.run("api", "fondaco_api")
    asked = outside.client(house.port)
    await until(asked.is_up, seconds=STARTED_S)
    secrets = world.secrets | {f"{what} of who leaves": secret for what, secret in leaver.secrets.items()}
    hay = Haystack()

    trade = Trade(asked, world, secrets)
    dealings = Dealings(trade, outside.post, outside.hooks, outside.sandbox)
    await trade.sign_in()
    await dealings.open()
    await trade.plant()
    house.run("relay", "fondaco_workers.relay")
    await until(lambda: _messages(queue), seconds=STARTED_S)
    hay.places["the queue before the worker"] = keys_of(queue)
    house.begin()
    await until(trade.is_imported, seconds=STARTED_S)
    await dealings.import_a_workbook()
    shown = await trade.sell()
    await dealings.be_mailed_a_link()
    await dealings.be_mailed_a_file()
    await dealings.give()
    passing = await pass_on(dealings)
    await dealings.forget_a_password()
    await dealings.pay_at_the_gateway()
    await trade.go_wrong()
    await break_in_the_middle(trade, queue_settings)
    house.die()
    await until(asked.is_up, seconds=STARTED_S)
    await dealings.pay_at_the_gateway()
    await house.command("audit", "seal")
    hay.places["the evidence"] = await evidence_of(trade)
    await dealings.prove_twice()
    await house.command("rotate-keys", "--master")
    await house.command("rotate-keys", "--tenant", world.tenant_slug, "--no-wait")
    await leave(leaver, monkeypatch)
    await until(dealings.was_told, seconds=STARTED_S)

    await passing.sell()
    mailed = dealings.mailed()
    hay.places |= {
        "the database": await dump(queue_settings),
        "the queue": keys_of(queue),
        "the metrics": (await asked.http.get("/metrics")).content,
        "the refusals": "\n".join(asked.refusals).encode(),
        "the merchants on the way": "\n".join(passing.answers).encode(),
        "the mails": mailed,
        "the messages": dealings.received(),
        "the gateway": dealings.evidence_of_the_gateway(),
        "an export": await exported(house, world, tmp_path),
    }
    # Mails go to an address, and carry the secret of a link, of an invitation or of a new password to its one reader.
    hay.meant["the mails"] = ("contact of ", "mailed ", "invitation", "reset")
    await asked.http.aclose()
    # What ends says its last words, and sends its last traces.
    for process in house.running.values():
        process.terminate()
        await asyncio.to_thread(process.wait)
    hay.places["the logs"] = b"\n".join(path.read_bytes() for path in tmp_path.rglob("*.log"))
    hay.places["the traces"] = b"\n".join(each.body for each in outside.collector.received)
    assert shown | passing.shown <= set(secrets.values()), "it was shown to who bought it"
    assert passing.shown <= dealings.enclosed
    assert hay.places["the merchants on the way"].count(b"supplySales") == len(passing.answers) // 5
    assert dealings.enclosed, "it was in the file that its passphrase opens"
    assert CONTROL.encode() in hay.places["the logs"]
    assert f"reference {world.tag}".encode() in hay.places["the database"]
    assert f"reference {world.tag}".encode() in hay.places["an export"]
    assert b"codes.import_batch" in hay.places["the queue before the worker"]
    assert b"INSERT INTO" in hay.places["the traces"]
    assert b"audit_entry" in hay.places["the evidence"] or b"entries" in hay.places["the evidence"]
    assert world.contact.encode() in mailed
    assert any(what.startswith("mailed ") for what in secrets)
    assert KEPT.encode() in hay.places["the queue"]
    assert {(what, where) for what, where, _ in hay.find(secrets)} == set()
    copy = await backed_up(queue_settings, tmp_path)
    assert f"reference {world.tag}".encode() in copy
    assert [what for what, secret in secrets.items() if secret.encode() in copy] == []


async def _messages(queue: "redis.Redis") -> bool:
    return b"codes.import_batch" in keys_of(queue)


async def break_in_the_middle(trade: Trade, settings: Settings) -> None:
    """An error that nobody foresaw, with codes in everybody's hands: the asker is told that there was one."""
    async with as_owner(settings) as owner:
        await owner.execute("ALTER TABLE code_batch RENAME TO code_batch_away")
        try:
            await trade.import_badly()
        finally:
            await owner.execute("ALTER TABLE code_batch_away RENAME TO code_batch")


async def evidence_of(trade: Trade) -> bytes:
    """The file that proves what happened to a code."""
    async with governing(KEEPER) as tx:
        code_id = await tx.fetchval(
            "SELECT id FROM code WHERE tenant_id = $1 AND state = 'DELIVERED' LIMIT 1", trade.world.tenant_id
        )
    given = {"codeId": node_id("Code", code_id), "reason": "the buyer says that it never worked"}
    found = await trade.asked.ask(EVIDENCE, trade.owner, i=given)
    return str(found["evidence"]["document"]).encode()


async def leave(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merchant has gone, and its keys with it."""
    monkeypatch.setattr(limits, "RESEAL_PAUSE_FACTOR", 0.0)
    monkeypatch.setattr(limits, "KEY_CACHE_S", 0.0)
    why = "The contract ended, and the dispute period with it."
    async with governing(KEEPER) as tx:
        await tenancy.close_tenant(tx, KEEPER, world.tenant_id, reason=why)
    with later(days=limits.KEYS_KEPT_DAYS + 1):
        change = await custody.destroy_tenant_keys(KEEPER, tenant_id=world.tenant_id, reason=why, columns=COLUMNS)
        await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS, patient=True)


async def exported(house: House, world: World, folder: Path) -> bytes:
    """What the merchant takes along in the open."""
    file = folder / "export.zip"
    await house.command("export-tenant", world.tenant_slug, str(file), "--reason", "It asked for its data.")
    with zipfile.ZipFile(file) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


async def backed_up(settings: Settings, folder: Path) -> bytes:
    """Every file of the database, as a backup holds them, with the log that makes it consistent."""
    file = folder / "all.backup"
    await asyncio.to_thread(take, settings, file)
    with tarfile.open(file) as outer:
        member: Any = outer.extractfile(BASE)
        return gzip.decompress(member.read())


def test_the_search_finds_what_is_there() -> None:
    secret = "ABCD-EFGH-2345-6789"
    hidden = {
        "plain": b"x ABCD-EFGH-2345-6789 y",
        "hex": b"x" + secret.encode().hex().encode(),
        "wide": secret.encode("utf-16-le"),
        "backwards": secret[::-1].encode(),
        "base64": base64.b64encode(b"ab" + secret.encode() + b"c"),
        "escaped": "".join(f"\\u{ord(letter):04x}" for letter in secret).encode(),
        "hashed": hashlib.sha256(secret.encode()).hexdigest().encode(),
    }

    found = {where for _, where, _ in Haystack(hidden).find({"code": secret})}

    assert found == set(hidden)
