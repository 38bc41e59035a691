"""Entitlements and listings that are valid by default, committed."""

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, transaction
from fondaco_core.identity.rules import PLATFORM_ADMIN_PERMISSIONS
from fondaco_core.ids import EntitlementId, StoreId, new_id
from fondaco_core.money import Money
from fondaco_tenants import catalog
from fondaco_tenants.catalog import Entitlement, EntitlementDetails, FulfilmentKind, Listing
from tests.support.factories.storefront import make_store


async def make_entitlement(
    *,
    sku: str | None = None,
    kind: FulfilmentKind = FulfilmentKind.CODE,
    brand: str = "Steam",
    name: str = "Steam Wallet 50 CNY",
    category: str = "games",
    case_sensitive: bool = False,
) -> Entitlement:
    """A standard of the platform."""
    details = EntitlementDetails(
        brand=brand,
        name=name,
        name_zh="Steam 钱包 50 元",
        category=category,
        face_value=Money(5_000, "CNY"),
        region="CN",
        redemption="Open Steam, choose Redeem, enter the code.",
        redemption_zh="打开 Steam,选择兑换,输入卡密。",
        restrictions="One account only.",
        restrictions_zh="仅限一个账号使用。",
    )
    ctx = system_ctx("factory", permissions=PLATFORM_ADMIN_PERMISSIONS)
    async with governing(ctx) as tx:
        return await catalog.create_entitlement(
            tx,
            ctx,
            sku=sku or f"sku-{new_id().hex}",
            fulfilment_kind=kind,
            details=details,
            case_sensitive=case_sensitive,
        )


async def make_listing(
    ctx: Ctx,
    *,
    store_id: StoreId | None = None,
    entitlement_id: EntitlementId | None = None,
    title: str = "Steam 50",
    price: Money | None = None,
    published: bool = True,
    order_max: int = 10,
    customer_max: int | None = None,
    customer_period_days: int | None = None,
    low_stock_at: int = 0,
    position: int = 0,
) -> Listing:
    """A listing of the tenant that `ctx` acts for, on sale unless `published` says otherwise; without sources."""
    if store_id is None:
        store_id = (await make_store(ctx)).id
    if entitlement_id is None:
        entitlement_id = (await make_entitlement()).id
    async with transaction(ctx) as tx:
        listing = await catalog.create_listing(
            tx,
            ctx,
            store_id=store_id,
            entitlement_id=entitlement_id,
            title=title,
            price=price or Money(4_800, "CNY"),
            order_max=order_max,
            customer_max=customer_max,
            customer_period_days=customer_period_days,
            low_stock_at=low_stock_at,
            position=position,
        )
        return await catalog.publish_listing(tx, ctx, listing_id=listing.id, version=1) if published else listing
