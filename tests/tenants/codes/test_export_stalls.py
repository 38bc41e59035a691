"""Who fetches a file and stops reading holds nobody else up, and is let go of after a while."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pyrage
import pytest

from fondaco_core import limits
from fondaco_tenants import codes
from tests.support.factories.codes import make_codes, make_pool
from tests.tenants.codes.test_export import export

pytestmark = pytest.mark.usefixtures("database")


async def test_a_download_that_nobody_reads_takes_no_thread_from_others_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "EXPORT_CODES_PAGE", 10)
    monkeypatch.setattr(limits, "EXPORT_STALL_S", 1.0)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    pool = await make_pool()
    await make_codes(pool, 800, texts=[f"{number:04}{'X' * 1_900}" for number in range(800)])
    made = await export(pool)
    found = await codes.begin_download(pool.ctx, export_id=made.id)

    before = len(asyncio.all_tasks())

    stream = codes.stream_export(pool.ctx, found=found)
    first = await anext(stream)
    async with asyncio.timeout(60):
        # Until the pipes are full, and longer: until nobody feeds this one any more.
        while len(asyncio.all_tasks()) > before:
            assert await asyncio.to_thread(lambda: "served") == "served"

    assert len(first) < 800 * 1_900
    # What is not whole must not look whole.
    with pytest.raises(pyrage.EncryptError):
        _ = [piece async for piece in stream]
