"""`fondaco audit`: verifies the audit log, shows its keys and checkpoints, and checks an evidence file without any database."""

import argparse
import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from fondaco_core import logs, notary
from fondaco_core.config import read_settings
from fondaco_core.context import system_ctx
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import close_database, governing, open_database
from fondaco_core.errors import SettingError
from fondaco_core.keyring import close_keyring, open_keyring
from fondaco_core.notary import Checkpoint
from fondaco_ops.running import settings_of_running

# Of a public key of Ed25519.
_KEY_BYTES = 32
CTX = system_ctx("audit", permissions=frozenset({"system.run", "audit.read"}))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `fondaco audit` can be told."""
    parser.description = (
        "Entries of the audit log are sealed into one hash tree whose root is signed every minute. Without "
        "FONDACO_DATABASE_URL this looks at what `fondaco up` runs in FONDACO_DATA."
    )
    acts = parser.add_subparsers(title="acts", metavar="ACT", required=True, dest="act")
    verify = acts.add_parser(
        "verify", help="read the whole log and say what was changed, removed or put in; 1 if anything"
    )
    verify.add_argument(
        "--key", action="append", default=[], metavar="KEY", help="believe this public key only (Base64)"
    )
    verify.add_argument(
        "--witness",
        type=Path,
        metavar="FILE",
        help="checkpoints kept elsewhere, as `fondaco audit checkpoint` prints them",
    )
    acts.add_parser("seal", help="seal now what was written, without waiting for the minute")
    acts.add_parser("checkpoint", help="print the newest signed root as a line of JSON; keep it elsewhere")
    acts.add_parser("key", help="print the public keys that sign")
    check = acts.add_parser("check", help="check an evidence file, offline; 1 when it does not hold")
    check.add_argument("file", type=Path, help="the evidence file")
    check.add_argument(
        "--key", action="append", default=[], metavar="KEY", help="believe this public key only (Base64)"
    )


def run(args: argparse.Namespace) -> int:
    """Does what was asked and gives the exit code: 1 when something is not as it was sealed."""
    logs.configure("ERROR")
    if args.act == "check":
        return check(args.file, trusted_keys(args.key))
    return asyncio.run(_with_database(args))


async def _with_database(args: argparse.Namespace) -> int:
    async with _opened():
        if args.act == "verify":
            return await _verify(trusted_keys(args.key), read_witnesses(args.witness) if args.witness else [])
        if args.act == "seal":
            sealed = 0
            while fresh := await notary.seal_next(CTX):
                sealed += fresh
            print(f"{sealed} entries sealed.")
            return 0
        async with governing(CTX) as tx:
            if args.act == "key":
                for key_id, public in (await notary.public_keys(tx, CTX)).items():
                    print(f"{key_id}  {base64.b64encode(public).decode()}")
                return 0
            checkpoint = await notary.last_checkpoint(tx, CTX)
        if checkpoint is None:
            msg = "Nothing is sealed yet; the worker does so every minute, and `fondaco audit seal` at once."
            raise SettingError(msg)
        print(json.dumps(written(checkpoint)))
        return 0


@asynccontextmanager
async def _opened() -> AsyncGenerator[None]:
    settings = settings_of_running(read_settings())
    open_database(settings)
    try:
        await open_keyring(load_master_keys(settings))
        yield
    except (OSError, asyncpg.PostgresError) as error:
        msg = f"The database cannot be used ({type(error).__name__}); look at FONDACO_DATABASE_URL."
        raise SettingError(msg) from error
    finally:
        close_keyring()
        await close_database()


async def _verify(trusted: dict[str, bytes] | None, witnesses: list[Checkpoint]) -> int:
    count = 0
    async for found in notary.verify(CTX, trusted=trusted, witnesses=witnesses):
        print(f"{found.what:<10} {found.where}", flush=True)
        count += 1
    async with governing(CTX) as tx:
        checkpoint = await notary.last_checkpoint(tx, CTX)
    size = 0 if checkpoint is None else checkpoint.size
    if count:
        print(f"{size} sealed entries, {count} findings: the log is not what it was.")
        return 1
    believed = "" if trusted else " The keys were read from the same database; --key says which to believe."
    print(f"{size} sealed entries stand as they were signed.{believed}")
    return 0


def check(file: Path, trusted: dict[str, bytes] | None) -> int:
    """Checks an evidence file by itself and says in a line for each entry what it proves."""
    try:
        evidence = json.loads(file.read_bytes())
        checkpoint = read_checkpoint(evidence["checkpoint"])
        public = base64.b64decode(evidence["public_key"])
        rows = [(_read_entry(row["entry"]), _read_proof(row, checkpoint.size)) for row in evidence["entries"]]
        leaves = [notary.leaf_hash(notary.canonical(entry)) for entry, _ in rows]
        signed = checkpoint.is_signed_by(public)
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{file} is no evidence file ({type(error).__name__})."
        raise SettingError(msg) from error
    if trusted is not None and trusted.get(checkpoint.key_id) != public:
        print(f"The key {checkpoint.key_id} is not the one to believe.")
        return 1
    if not signed:
        print("The checkpoint is not signed by the key beside it.")
        return 1
    wrong = 0
    for (entry, proof), leaf in zip(rows, leaves, strict=True):
        holds = notary.check_proof(leaf, proof, checkpoint.root)
        wrong += not holds
        print(
            f"{'proven' if holds else 'FALSE ':<7} {entry['happened_at']}  {entry['action']:<24} {entry['subject_kind']}"
        )
    print(
        f"{len(rows)} entries, {wrong} false; signed {checkpoint.signed_at:%F %T} UTC by {checkpoint.key_id}."
        + ("" if trusted else " Compare the key with what the platform publishes, or say it with --key.")
    )
    return 1 if wrong else 0


def trusted_keys(given: list[str]) -> dict[str, bytes] | None:
    """The keys of the command line by their fingerprints; None when there are none."""
    msg = "--key is a public key as `fondaco audit key` prints it: Base64 of 32 bytes."
    try:
        keys = [base64.b64decode(text, validate=True) for text in given]
    except ValueError as error:
        raise SettingError(msg) from error
    if any(len(key) != _KEY_BYTES for key in keys):
        raise SettingError(msg)
    return {notary.fingerprint_of(key): key for key in keys} or None


def read_witnesses(file: Path) -> list[Checkpoint]:
    """The checkpoints of a file, one JSON object a line."""
    try:
        return [read_checkpoint(json.loads(line)) for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{file} holds no checkpoints as `fondaco audit checkpoint` prints them."
        raise SettingError(msg) from error


def written(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint as JSON."""
    return {
        "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
        "signed_at": checkpoint.signed_at.isoformat(),
        "key_id": checkpoint.key_id,
        "signature": base64.b64encode(checkpoint.signature).decode(),
    }


def read_checkpoint(told: dict[str, Any]) -> Checkpoint:
    """A checkpoint from JSON."""
    return Checkpoint(
        int(told["size"]), base64.b64decode(told["root"]), datetime.fromisoformat(told["signed_at"]), str(told["key_id"]),
        base64.b64decode(told["signature"]),
    )  # fmt: skip


def _read_entry(told: dict[str, Any]) -> dict[str, Any]:
    # The canonical form of what was read is the canonical form of what was written: ids and times are texts in both.
    return dict(told)


def _read_proof(told: dict[str, Any], size: int) -> notary.Proof:
    return notary.Proof(int(told["index"]), size, tuple(base64.b64decode(part) for part in told["path"]))
