"""Hand an export to its owner: opened page by page, written as CSV, encrypted by age as it leaves; nothing of it rests.

age writes to a pipe in a thread of its own and waits when nobody reads: whatever the size, a few pages are in memory. Each file
has threads of its own, so that who reads slowly keeps nobody else waiting; who reads nothing at all is let go of.
"""

import asyncio
import csv
import io
import queue
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import pyrage

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import Bug
from fondaco_core.secret import Secret
from fondaco_tenants.codes.errors_own import BadRecipientKey
from fondaco_tenants.codes.service import export
from fondaco_tenants.codes.service.export import StockExport

# How many pieces wait on either side of age.
WAITING_MAX = 4
# Of one file: who feeds age, age, and who takes what it gives.
_THREADS = 3


def checked_recipient(text: str) -> str:
    """The public half of an age key as it is written; BadRecipientKey when it is none."""
    key = text.strip()
    try:
        pyrage.x25519.Recipient.from_str(key)
    except (pyrage.RecipientError, ValueError):
        raise BadRecipientKey from None
    return key


async def begin_download(ctx: Ctx, *, export_id: UUID) -> StockExport:
    """Counts one more fetching of an export's file. Raises NotFound, ExportOver."""
    ctx.require("codes.export")
    async with transaction(ctx) as tx:
        return await export.begin_download(tx, ctx, export_id=export_id)


async def stream_export(ctx: Ctx, *, found: StockExport) -> AsyncGenerator[bytes]:
    """The file of an export, encrypted, piece by piece."""
    ctx.require("codes.export")
    plain, sealed = _Pipe(), _Pipe()
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"export-{found.id}")
    run = partial(asyncio.get_running_loop().run_in_executor, threads)
    encrypting = run(_encrypt, plain, sealed, found.recipient)
    feeding = asyncio.ensure_future(_feed(ctx, found, plain, run))
    try:
        while (piece := await run(sealed.take)) is not None:
            yield piece
        await feeding
        await encrypting
    finally:
        # Whoever reads has gone, or all is done: both ends stop.
        plain.close()
        sealed.close()
        feeding.cancel()
        await asyncio.gather(feeding, encrypting, return_exceptions=True)
        threads.shutdown(wait=False)


async def _feed(ctx: Ctx, found: StockExport, plain: "_Pipe", run: Callable[..., Awaitable[object]]) -> None:
    try:
        await run(plain.put, Secret(_lines([export.COLUMNS])))
        written, place = 0, 0
        while True:
            async with reading(ctx) as tx:
                cells, place = await export.open_page(tx, ctx, export_id=found.id, after=place)
            if not cells:
                break
            written += len(cells)
            await run(plain.put, Secret(_lines([each.reveal() for each in cells])))
        if written != found.codes:
            msg = f"Export {found.id} has {found.codes} codes, and {written} of them were found."
            raise Bug(msg)  # noqa: TRY301 - the pipe is broken off below
    except BaseException:
        # A file that is not whole must not look whole: age is cut off before its last piece.
        plain.break_off()
        raise
    await run(plain.put, None)


def _lines(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _encrypt(plain: "_Pipe", sealed: "_Pipe", recipient: str) -> None:
    try:
        pyrage.encrypt_io(plain, sealed, [pyrage.x25519.Recipient.from_str(recipient)])
    finally:
        sealed.write(b"", last=True)
        # Whoever read nothing for too long is gone for age as well, and with age goes who feeds it.
        plain.close()


class _BrokenOffError(OSError):
    """The other end has gone."""


class _Pipe:
    """A bounded pipe between a coroutine and age's thread, which sees a file."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[Secret[bytes] | None] = queue.Queue(WAITING_MAX)
        self._rest = b""
        self._ended = False
        self._closed = False
        self._broken = False

    def put(self, piece: Secret[bytes] | None) -> None:
        """Adds a piece, waiting for room; None is the end. Where nobody takes one for too long the pipe is closed."""
        until = time.monotonic() + limits.EXPORT_STALL_S
        while not self._closed:
            try:
                self._pieces.put(piece, timeout=0.5)
            except queue.Full:
                if time.monotonic() > until:
                    self.close()
                continue
            return

    def take(self) -> bytes | None:
        """The next piece; None at the end."""
        while not self._closed:
            try:
                piece = self._pieces.get(timeout=0.5)
            except queue.Empty:
                continue
            return None if piece is None else piece.reveal()
        return None

    def read(self, size: int = -1) -> bytes:
        """What age reads from: at most `size` bytes, none at the end."""
        while not self._rest and not self._ended:
            piece = self.take()
            if self._broken or self._closed:
                msg = "the export was broken off"
                raise _BrokenOffError(msg)
            if piece is None:
                self._ended = True
            else:
                self._rest = piece
        found, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return found

    def write(self, data: bytes, *, last: bool = False) -> int:
        """What age writes to."""
        if self._closed and not last:
            msg = "nobody reads the export any more"
            raise _BrokenOffError(msg)
        self.put(None if last else Secret(bytes(data)))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def break_off(self) -> None:
        """Has the reader fail and not end."""
        self._broken = True
        self.close()

    def close(self) -> None:
        """Lets go of whoever waits at either end."""
        self._closed = True
