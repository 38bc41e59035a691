"""Keys are rotated from the command line, beside processes that run; without the right key nothing starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from fondaco_core import clock, custody, limits
from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.crypto import create_master_key_file, load_master_keys
from fondaco_core.db import governing, reading, sealed_columns, transaction
from fondaco_core.keyring import keyring, open_keyring
from fondaco_tenants import codes, registry
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("test")


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    assert settings.database_url is not None
    assert settings.role_secret is not None
    assert settings.redis_url is not None
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "FONDACO_DATABASE_URL": settings.database_url.reveal(),
        "FONDACO_REDIS_URL": settings.redis_url.reveal(),
        "FONDACO_ROLE_SECRET": settings.role_secret.reveal(),
        "FONDACO_MASTER_KEY_FILE": str(settings.master_key_file),
        "FONDACO_DATA": str(settings.data_dir),
    } | more


def run(settings: Settings, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A program as an operator runs it, beside the running system."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        env=environment_of(settings, **more), capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


async def masters() -> set[str]:
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch("SELECT DISTINCT master_key_id FROM data_key WHERE destroyed_at IS NULL")
    return {row["master_key_id"] for row in rows}


async def test_a_new_master_key_wraps_every_data_key_and_running_processes_go_on(settings: Settings) -> None:
    pool = await make_pool()
    (text,) = await make_codes(pool, 1)
    before = load_master_keys(settings).current_id

    said = run(settings, "fondaco_ops", "rotate-keys", "--master")

    current = load_master_keys(settings).current_id
    assert (said.returncode, said.stderr.count("Traceback")) == (0, 0), said.stderr
    assert current != before
    assert await masters() == {current}
    assert f"{before} wraps nothing any more" in said.stdout
    # This process loaded the old file: it opens what the new key wraps, and wraps with it.
    keyring()._by_number.clear()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as if it had opened nothing yet
    async with reading(pool.ctx) as tx:
        (code,) = await codes.list_codes(tx, pool.ctx, pool_id=pool.id)
    async with transaction(pool.ctx) as tx:
        (shown,) = await codes.reveal_codes(tx, pool.ctx, code_ids=[code.id], via="BACK_OFFICE", reason="a look")
    assert shown.code.reveal() == text
    await keyring().sealing_key((await make_member_ctx(await make_tenant())).tenant)
    assert await masters() == {current}


async def test_a_rotation_of_the_master_key_that_was_cut_off_goes_on_without_a_third_key(settings: Settings) -> None:
    await make_codes(await make_pool(), 1)
    run(settings, "fondaco_ops", "rotate-keys", "--master")
    keys = load_master_keys(settings).key_ids
    # As if it had been killed after the new key and before the last data key: one is wrapped by the older one again.
    ring = keyring()
    async with governing(SYSTEM) as tx:
        row = await tx.fetchrow(
            "SELECT number FROM data_key WHERE tenant_id IS NOT NULL AND destroyed_at IS NULL LIMIT 1"
        )
    assert row is not None
    older = load_master_keys(settings)
    older._current_id = keys[1]  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the master key as it was
    key = await ring.numbered(row["number"])
    wrapped = await older_wrap(older, key)
    async with governing(SYSTEM) as tx:
        await tx.execute(
            "UPDATE data_key SET master_key_id = $2, wrapped = $3 WHERE number = $1", row["number"], *wrapped
        )

    said = run(settings, "fondaco_ops", "rotate-keys", "--master")

    assert said.returncode == 0, said.stderr
    assert load_master_keys(settings).key_ids == keys
    assert await masters() == {keys[0]}


async def older_wrap(older: object, key: object) -> tuple[str, bytes]:
    """A data key wrapped by an older master key."""
    wrapped = await key.wrap(older)  # type: ignore[attr-defined]
    return wrapped.master_key_id, wrapped.ciphertext


async def test_a_merchants_key_is_rotated_by_its_name(settings: Settings) -> None:
    slug = f"rotated-{clock.now():%f}"
    ctx = await make_member_ctx(await make_tenant(slug=slug))
    pool = await make_pool(ctx)
    await make_codes(pool, 3)
    before = (await keyring().sealing_key(ctx.tenant)).number

    said = run(settings, "fondaco_ops", "rotate-keys", "--tenant", slug, "--no-wait")
    nobody = run(settings, "fondaco_ops", "rotate-keys", "--tenant", "no-such-merchant")

    keyring().forget(ctx.tenant)
    assert said.returncode == 0, said.stderr
    assert f"{slug}: 3 values re-sealed" in said.stdout
    assert (await keyring().sealing_key(ctx.tenant)).number > before
    assert (nobody.returncode, nobody.stderr) == (2, "fondaco: There is no merchant 'no-such-merchant'.\n")


async def test_the_platforms_key_is_rotated_and_goes_on_when_it_is_asked_for_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (await keyring().sealing_key(None)).number
    keeper = system_ctx("test", permissions=frozenset({"platform.keys", "system.run"}))

    said = run(settings, "fondaco_ops", "rotate-keys", "--platform", "--no-wait")
    again = run(settings, "fondaco_ops", "rotate-keys", "--platform", "--no-wait")
    looked = run(settings, "fondaco_ops", "doctor")

    keyring().forget(None)
    now = (await keyring().sealing_key(None)).number
    assert (said.returncode, again.returncode) == (0, 0), said.stderr + again.stderr
    assert "the workers take the last look" in said.stdout
    assert now > before
    assert f"the platform: data key {now} seals from now on" in said.stderr
    assert f"the platform: data key {now} seals from now on" in again.stderr
    assert "what older ones of the platform's sealed is being re-sealed" in looked.stdout
    # The workers' last look, in no time.
    for name in ("KEY_SETTLE_S", "KEY_CACHE_S", "RESEAL_PAUSE_FACTOR"):
        monkeypatch.setattr(limits, name, 0.0)
    await custody.look_after_keys(keeper, columns=sealed_columns(registry.metadata()))
    async with governing(SYSTEM) as tx:
        left = await tx.fetch(
            "SELECT number FROM data_key WHERE tenant_id IS NULL AND purpose = 'SEAL' AND wrapped <> ''"
        )
    assert [row["number"] for row in left] == [now]


# The relay and the scheduler open nothing, and are given no key.
PROGRAMS = {
    "api": ("fondaco_api",),
    "worker": ("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "1"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_key_or_with_a_wrong_one_nothing_starts(settings: Settings, tmp_path: Path, program: str) -> None:
    create_master_key_file(tmp_path / "other.keys")
    wrong = {"FONDACO_MASTER_KEY_FILE": str(tmp_path / "other.keys")}

    without = run(settings, *PROGRAMS[program], FONDACO_MASTER_KEY_FILE="")
    other = run(settings, *PROGRAMS[program], **wrong)

    for said, why in ((without, "No master key"), (other, "master key")):
        sentences = [line for line in said.stderr.splitlines() if line.startswith("fondaco: ")]
        assert said.returncode != 0
        assert len(sentences) == 1, said.stderr
        assert why in sentences[0]
        assert "Traceback" not in said.stderr


async def test_the_keyring_opens_again_after_all_this(settings: Settings) -> None:
    assert (await open_keyring(load_master_keys(settings))).lookup_key
