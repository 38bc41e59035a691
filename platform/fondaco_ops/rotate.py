"""`fondaco rotate-keys`: new keys while the system runs; goes on where an earlier run was cut off."""

import argparse
import asyncio
import sys
import time

from fondaco_core import custody, tenancy
from fondaco_core.config import Settings, read_settings
from fondaco_core.context import system_ctx
from fondaco_core.crypto import add_master_key, load_master_keys
from fondaco_core.custody import Change
from fondaco_core.db import close_database, governing, open_database, sealed_columns
from fondaco_core.errors import Refusal, SettingError
from fondaco_core.ids import TenantId
from fondaco_core.keyring import close_keyring, open_keyring
from fondaco_core.limits import PAGE_MAX
from fondaco_ops.running import settings_of_running
from fondaco_tenants import registry

CTX = system_ctx("rotate-keys", permissions=frozenset({"platform.keys", "platform.read", "system.run"}))
# How often progress is told, in seconds.
TELL_EVERY_S = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which keys."""
    parser.description = (
        "Makes new keys while the system runs. --master puts a new master key in front of the others in its file and has every "
        "data key wrapped by it; --tenant and --all-tenants give merchants new data keys and re-seal what older ones sealed, "
        "slowly enough that orders go on; --platform does so with the key of what the platform keeps itself, and then destroys "
        "the older ones. What is cut off is gone on with by the same command, or by the workers."
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--master", action="store_true", help="a new master key")
    which.add_argument("--tenant", metavar="SLUG", help="a new data key of one merchant")
    which.add_argument(
        "--all-tenants", action="store_true", help="a new data key of every merchant, one after the other"
    )
    which.add_argument("--platform", action="store_true", help="a new data key of the platform's own")
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="leave the last look to the workers; it comes a minute and a half after the new key",
    )


def run(args: argparse.Namespace) -> int:
    """Rotates, and tells how far it is."""
    settings = settings_of_running(read_settings())
    asyncio.run(_run(settings, args))
    return 0


async def _run(settings: Settings, args: argparse.Namespace) -> None:
    open_database(settings)
    try:
        await open_keyring(load_master_keys(settings))
        if args.master:
            await _rotate_master(settings)
        elif args.platform:
            await _rotate(None, "the platform", patient=not args.no_wait)
        elif args.tenant is not None:
            await _rotate(await _tenant_of(args.tenant), args.tenant, patient=not args.no_wait)
        else:
            await _rotate_all(patient=not args.no_wait)
    except Refusal as refusal:
        raise SettingError(refusal.message) from refusal
    finally:
        close_keyring()
        await close_database()


async def _rotate_master(settings: Settings) -> None:
    before = load_master_keys(settings)
    used = await custody.master_keys_in_use(CTX)
    if set(used) <= {before.current_id}:
        # Nothing is left of an earlier rotation, so that this is a new one.
        if settings.master_key_file is None:
            msg = (
                "The master key is in FONDACO_MASTER_KEY: put a new one in front of it (id:base64, separated by a comma) for "
                "every process, start them again, and then run this."
            )
            raise SettingError(msg)
        print(f"new master key {add_master_key(settings.master_key_file)} in {settings.master_key_file}")
    master_keys = load_master_keys(settings)
    done = await custody.rewrap_keys(CTX, master_keys, told=lambda count: _say(f"{count} data keys wrapped"))
    print(f"{done} data keys are wrapped by {master_keys.current_id}")
    used = await custody.master_keys_in_use(CTX)
    for key_id in master_keys.key_ids[1:]:
        if key_id not in used:
            print(
                f"{key_id} wraps nothing any more: delete its line, once every process has been running for a minute. "
                "Backups from before now still need it."
            )


async def _tenant_of(slug: str) -> TenantId:
    async with governing(CTX) as tx:
        tenant_id = await tenancy.find_door(tx, "TENANT", slug)
    if tenant_id is None:
        msg = f"There is no merchant {slug!r}."
        raise SettingError(msg)
    return tenant_id


async def _rotate_all(*, patient: bool) -> None:
    after: TenantId | None = None
    while True:
        async with governing(CTX) as tx:
            found = await custody.tenants_after(tx, CTX, after=after, count=PAGE_MAX)
            names = {tenant.id: tenant.slug for tenant in (await tenancy.tenants_by_ids(tx, CTX, found)).values()}
        if not found:
            return
        for tenant_id in found:
            try:
                await _rotate(tenant_id, names[tenant_id], patient=patient)
            except Refusal as refusal:
                print(f"{names[tenant_id]}: {refusal.message}")
        after = found[-1]


async def _rotate(tenant_id: TenantId | None, called: str, *, patient: bool) -> None:
    columns = sealed_columns(registry.metadata())
    if tenant_id is None:
        change = await custody.rotate_platform_key(CTX, columns=columns)
    else:
        change = await custody.rotate_tenant_key(CTX, tenant_id=tenant_id, columns=columns)
    _say(f"{called}: data key {change.number} seals from now on; {change.total} values are to be re-sealed")
    last = 0.0

    def told(now: Change) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_EVERY_S:
            last = time.monotonic()
            _say(f"{called}: {now.moved} of about {change.total} values re-sealed")

    done = await custody.carry_on(CTX, change_id=change.id, columns=columns, patient=patient, told=told)
    if done.finished_at is None:
        rest = "the workers take the last look"
    elif tenant_id is None:
        rest = "nothing is under an older key any more, and the older ones are destroyed"
    else:
        rest = "nothing is under an older key any more"
    print(f"{called}: {done.moved} values re-sealed; {rest}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
