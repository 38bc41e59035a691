"""The cases of importing: 10,000 codes beside the least it could be, a million beside ten thousand."""

import asyncio
import json
import secrets
import statistics
import sys
from collections.abc import AsyncIterator

from fondaco_core.db import transaction
from fondaco_core.ids import BatchId
from fondaco_core.money import Money
from fondaco_ops.bench.bench import Bench
from fondaco_ops.bench.report import Figure
from fondaco_ops.bench.system import Broken
from fondaco_ops.bench.world import CURRENCY, Shelf, make_shelf
from fondaco_ops.local import environment_for
from fondaco_tenants import codes

IMPORTER = "fondaco_ops.bench.importer"
SMALL, BIG = 10_000, 1_000_000
PIECE_CODES = 60_000


async def small(bench: Bench) -> None:
    """10,000 codes, sealed, deduplicated over the platform, beside seal, fingerprint and COPY of the same bytes."""
    rounds = 2 if bench.quick else 7
    shelf = await make_shelf(bench.shop)
    told = await run_imports(bench, shelf, [SMALL] * (rounds + 1), floors=rounds + 1)
    # The first one opens connections and prepares statements.
    took = statistics.median(one["seconds"] for one in told[1:])
    least = statistics.median(one["floor"] for one in told[1:])
    bench.add(
        Figure("import", f"{SMALL} codes to seal + fingerprint + COPY", took / least,
               f"{took:.2f} to {least:.2f} s, {SMALL / took:.0f} codes/s", most=3)
    )  # fmt: skip
    await bench.check("import")


async def big(bench: Bench) -> None:
    """A million codes, streamed, beside 10,000 in the same process."""
    size = 100_000 if bench.quick else BIG
    shelf = await make_shelf(bench.shop)
    told = await run_imports(bench, shelf, [SMALL, SMALL, SMALL, SMALL, size], floors=0)
    one = statistics.median(each["seconds"] for each in told[1:-1]) / SMALL
    many = told[-1]["seconds"] / size
    grown = told[-1]["grown_mb"]
    bench.add(
        Figure("big import", f"a code of {size} to one of {SMALL}", many / one,
               f"{many * 1e6:.0f} to {one * 1e6:.0f} us, {told[-1]['seconds']:.0f} s in all", most=1.3)
    )  # fmt: skip
    bench.add(Figure("big import", "memory grown to 150 MB", grown / 150, f"{grown:.0f} MB", most=1))
    await bench.check("big import")


async def run_imports(bench: Bench, shelf: Shelf, sizes: list[int], *, floors: int) -> list[dict[str, float]]:
    """What imports of these sizes took, one after the other, in a process of their own."""
    batches = [str(await _upload(bench, shelf, size)) for size in sizes]
    await bench.system.settle()
    wanted = {
        "tenant": str(bench.shop.tenant_id), "pool": str(shelf.pool_id), "batches": batches, "floors": floors, "size": SMALL,
    }  # fmt: skip
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", IMPORTER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=environment_for(bench.system.settings),
    )  # fmt: skip
    try:
        output, _ = await child.communicate(json.dumps(wanted).encode())
    except BaseException:
        child.kill()
        await child.wait()
        raise
    if child.returncode != 0:
        msg = "The importing process failed; see above."
        raise Broken(msg)
    async with bench.system.owner() as connection:
        accepted = await connection.fetchval(
            "SELECT sum(accepted)::bigint FROM code_batch WHERE pool_id = $1", shelf.pool_id
        )
    if accepted != sum(sizes):
        msg = f"{accepted} of {sum(sizes)} codes were imported."
        raise Broken(msg)
    told: list[dict[str, float]] = json.loads(output)
    return told


async def _upload(bench: Bench, shelf: Shelf, size: int) -> BatchId:
    """An upload whose import was asked for."""
    ctx = bench.shop.owner
    upload = await codes.receive_upload(ctx, filename="codes.txt", stream=_file(size))
    async with transaction(ctx) as tx:
        batch = await codes.request_import(
            tx, ctx, pool_id=shelf.pool_id, upload_id=upload.id, unit_cost=Money(3_000, CURRENCY), origin="bench"
        )
    return batch.id


async def _file(count: int) -> AsyncIterator[bytes]:
    """A file of 16-character codes that nobody else has, as a client sends it."""
    for start in range(0, count, PIECE_CODES):
        lines = min(PIECE_CODES, count - start)
        text = secrets.token_hex(8 * lines).upper()
        yield "".join(f"{text[n : n + 16]}\n" for n in range(0, len(text), 16)).encode()
