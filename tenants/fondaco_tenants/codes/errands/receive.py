"""Receive a file: sealed piece by piece as it arrives, between transactions."""

import hashlib
from collections.abc import AsyncIterator

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import transaction
from fondaco_core.ids import UploadId
from fondaco_tenants.codes.errors import FileEmpty, UploadTooLarge
from fondaco_tenants.codes.service import uploads
from fondaco_tenants.codes.service.imports import sealing
from fondaco_tenants.codes.service.uploads import Upload


async def receive_upload(ctx: Ctx, *, filename: str, stream: AsyncIterator[bytes]) -> Upload:
    """Seals a file as it arrives; nothing of it is on a disk or in memory as a whole.

    Raises FileEmpty, UploadTooLarge, TooManyUploads. Whatever ends the stream before its time leaves nothing behind.
    """
    ctx.require("codes.import")
    async with sealing(ctx) as tx:
        upload_id = await uploads.begin_upload(tx, ctx, filename=filename)
    try:
        size, sha256 = await _receive(ctx, upload_id, stream)
    except BaseException:
        async with transaction(ctx) as tx:
            await uploads.drop_upload(tx, ctx, upload_id=upload_id)
        raise
    async with transaction(ctx) as tx:
        return await uploads.complete_upload(tx, ctx, upload_id=upload_id, size=size, sha256=sha256)


async def _receive(ctx: Ctx, upload_id: UploadId, stream: AsyncIterator[bytes]) -> tuple[int, bytes]:
    waiting = bytearray()
    digest = hashlib.sha256()
    stored = number = 0

    async def store(piece: bytes) -> None:
        nonlocal stored, number
        digest.update(piece)
        sealed = await uploads.seal_piece(ctx, upload_id=upload_id, number=number, data=piece)
        async with transaction(ctx) as tx:
            await uploads.store_piece(tx, ctx, upload_id=upload_id, number=number, starts_at=stored, sealed=sealed)
        stored += len(piece)
        number += 1

    async for data in stream:
        if stored + len(waiting) + len(data) > limits.UPLOAD_BYTES_MAX:
            raise UploadTooLarge
        waiting += data
        while len(waiting) >= limits.UPLOAD_CHUNK_BYTES:
            await store(bytes(waiting[: limits.UPLOAD_CHUNK_BYTES]))
            del waiting[: limits.UPLOAD_CHUNK_BYTES]
    if waiting:
        await store(bytes(waiting))
    if not stored:
        raise FileEmpty
    return stored, digest.digest()
