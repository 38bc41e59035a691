"""What a merchant says of itself, on a real database as the restricted roles."""

import asyncio

import pytest

from fondaco_core import tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, StaleVersion
from fondaco_core.identity import MemberRole
from fondaco_core.tenancy import TenantNotActive
from fondaco_tenants import merchants
from fondaco_tenants.merchants import MerchantProfile
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")


async def write(ctx: Ctx, *, version: int = 0, display_name: str = "Card Corner", **more: str) -> MerchantProfile:
    async with transaction(ctx) as tx:
        return await merchants.update_profile(
            tx, ctx, version=version, display_name=display_name, legal_name=more.get("legal_name"),
            support_contact=more.get("support_contact"), currency=more.get("currency", "USD"),
        )  # fmt: skip


async def read(ctx: Ctx) -> MerchantProfile:
    async with reading(ctx) as tx:
        return await merchants.get_profile(tx, ctx)


async def test_a_merchant_that_wrote_nothing_has_the_companys_name() -> None:
    owner = await make_member_ctx(await make_tenant(name="Some Company"))

    profile = await read(owner)

    assert (profile.display_name, profile.version) == ("Some Company", 0)


async def test_what_was_written_is_read_and_counted() -> None:
    owner = await make_member_ctx(await make_tenant())
    await write(owner, legal_name="Card Corner Ltd", support_contact="help@example.com")

    changed = await write(owner, version=1, display_name="Corner")

    assert changed == await read(owner)
    assert (changed.display_name, changed.legal_name, changed.support_contact) == ("Corner", None, None)
    assert (changed.currency, changed.version) == ("USD", 2)


@pytest.mark.parametrize("version", [0, 2, 7])
async def test_nobody_overwrites_what_somebody_else_wrote(version: int) -> None:
    owner = await make_member_ctx(await make_tenant())
    await write(owner)

    with pytest.raises(StaleVersion) as stale:
        await write(owner, version=version)

    assert stale.value.current_version == 1


async def test_of_two_first_writers_at_once_one_is_stale() -> None:
    owner = await make_member_ctx(await make_tenant())

    outcomes = await asyncio.gather(write(owner), write(owner), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["MerchantProfile", "StaleVersion"]


async def test_a_profile_that_was_never_written_has_version_0() -> None:
    owner = await make_member_ctx(await make_tenant())

    with pytest.raises(StaleVersion):
        await write(owner, version=1)


@pytest.mark.parametrize("wrong", [{"display_name": " "}, {"currency": "XXX"}, {"legal_name": "x" * 201}])
async def test_nonsense_is_refused(wrong: dict[str, str]) -> None:
    owner = await make_member_ctx(await make_tenant())

    with pytest.raises(Invalid):
        await write(owner, **wrong)  # type: ignore[arg-type]


async def test_only_who_may_edit_the_merchant_does() -> None:
    ctx = await make_member_ctx(await make_tenant(), role=MemberRole.OPERATOR)

    with pytest.raises(NotAllowed):
        await write(ctx)


async def test_a_suspended_merchant_changes_nothing() -> None:
    owner, admin = await make_member_ctx(await make_tenant()), admin_ctx()
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, owner.tenant, reason="a reason")

    with pytest.raises(TenantNotActive):
        await write(owner)


async def test_another_tenants_profile_is_invisible() -> None:
    owner, stranger = await make_member_ctx(await make_tenant()), await make_member_ctx(await make_tenant())
    await write(stranger)

    async with reading(owner) as tx:
        seen = await tx.fetchval("SELECT count(*) FROM merchant_profile")

    assert seen == 0
