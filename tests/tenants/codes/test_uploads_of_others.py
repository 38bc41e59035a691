"""An upload holds codes: who did not send it and may not see codes learns nothing of it, and a dry run shows nobody a code."""

from dataclasses import replace

import pytest

from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import NotFound
from fondaco_core.identity import MemberRole
from fondaco_core.ids import UploadId
from fondaco_core.money import Money
from fondaco_tenants import codes
from fondaco_tenants.codes import ColumnRole, ImportFormat, Mapping
from tests.support.factories.codes import MadePool, make_pool, make_upload, some_codes
from tests.support.factories.identity import make_member_ctx

pytestmark = pytest.mark.usefixtures("database")

FREE = Money(0, "CNY")
# The code's column taken for that of the serial, which is no secret.
SWAPPED = Mapping(header=False, delimiter=",", columns=((ColumnRole.CODE, 1), (ColumnRole.SERIAL, 0)))


def file_of(texts: list[str]) -> bytes:
    return "\n".join(f"{text},SN{number:06}" for number, text in enumerate(texts)).encode()


async def previewed(ctx: Ctx, pool: MadePool, upload_id: UploadId) -> codes.Preview:
    return await codes.preview_import(
        ctx, pool_id=pool.id, upload_id=upload_id, unit_cost=FREE, form=ImportFormat.CSV, mapping=SWAPPED
    )


async def requested(ctx: Ctx, pool: MadePool, upload_id: UploadId) -> codes.Batch:
    async with transaction(ctx) as tx:
        return await codes.request_import(
            tx, ctx, pool_id=pool.id, upload_id=upload_id, unit_cost=FREE, format=ImportFormat.CSV, mapping=SWAPPED
        )


@pytest.mark.parametrize("role", [MemberRole.MANAGER, MemberRole.OPERATOR])
async def test_who_may_not_see_codes_neither_previews_nor_imports_what_another_sent(role: MemberRole) -> None:
    pool = await make_pool()
    upload_id = await make_upload(pool.ctx, file_of(some_codes(3)))
    other = await make_member_ctx(pool.tenant_id, role=role)

    with pytest.raises(NotFound):
        await previewed(other, pool, upload_id)
    with pytest.raises(NotFound):
        await requested(other, pool, upload_id)
    with pytest.raises(NotFound):
        async with reading(other) as tx:
            await codes.get_upload(tx, other, upload_id=upload_id)

    assert (await requested(pool.ctx, pool, upload_id)).upload_id == upload_id


async def test_who_may_see_codes_once_a_second_factor_is_shown_does_not_see_them_before() -> None:
    pool = await make_pool()
    operator = await make_member_ctx(pool.tenant_id, role=MemberRole.OPERATOR)
    upload_id = await make_upload(operator, file_of(some_codes(3)))

    with pytest.raises(NotFound):
        await previewed(replace(pool.ctx, guarded=frozenset({"codes.reveal"})), pool, upload_id)

    assert (await previewed(pool.ctx, pool, upload_id)).accepted == 3


async def test_a_dry_run_masks_serials_as_they_may_be_codes() -> None:
    pool = await make_pool()
    operator = await make_member_ctx(pool.tenant_id, role=MemberRole.OPERATOR)
    texts = some_codes(3)
    upload_id = await make_upload(operator, file_of(texts))

    told = await previewed(operator, pool, upload_id)

    shown = [each.serial for each in told.codes]
    assert len(shown) == len(texts)
    assert all(serial is not None and "*" in serial for serial in shown)
    assert not any(text in repr(told) for text in texts)
