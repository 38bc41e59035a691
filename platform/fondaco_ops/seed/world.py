"""Makes the demo world through the use cases that everybody else goes through."""

import argparse
import asyncio
import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from fondaco_core import clock, identity, tenancy
from fondaco_core.config import Settings, read_settings
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import close_database, governing, open_database, trading, transaction
from fondaco_core.identity import (
    MERCHANT_PERMISSIONS,
    PLATFORM_ADMIN_PERMISSIONS,
    MemberRole,
    PlatformRole,
)
from fondaco_core.ids import CustomerId, EntitlementId, ListingId, TenantId, UserId
from fondaco_core.keyring import close_keyring, open_keyring
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_ops.sandbox.places import GATEWAY_KEY, sandbox_url
from fondaco_ops.sandbox.register import register
from fondaco_ops.seed.chains import make_chains
from fondaco_ops.seed.goods import GOODS, Good, card_and_pin
from fondaco_ops.seed.greeting import addresses, demo_file, write_demo
from fondaco_ops.seed.payouts import pay_out
from fondaco_ops.seed.people import buyer_ctx, global_id, make_buyer, make_person, owner_ctx
from fondaco_tenants import catalog, codes, orders, payments, routing, storefront
from fondaco_tenants.catalog import EntitlementDetails
from fondaco_tenants.codes import ImportFormat
from fondaco_tenants.orders import OrderRequest, PayBy

# Enough to buy every listing some dozens of times.
MERCHANT_FUNDS_MINOR = 50_000_000
STOCK = 300


@dataclass(frozen=True, slots=True)
class Merchant:
    """A demo merchant: which goods it sells, in which store, at which margin over the usual price."""

    slug: str
    name: str
    store: str
    store_name: str
    locale: str
    skus: tuple[str, ...]
    price_percent: int = 100
    fee_bps: int = 150
    # Goods with little stock, with none, and with codes that expire soon, so that there is something to look after.
    low: frozenset[str] = field(default=frozenset())
    out: frozenset[str] = field(default=frozenset())
    expiring: frozenset[str] = field(default=frozenset())


MERCHANTS = (
    Merchant(
        "lumen", "Lumen Digital 流明数码", "lumen-cards", "流明点卡", "zh-CN",
        ("steam-50-cny", "steam-100-cny", "bnet-100-cny", "iqiyi-vip-1m", "jd-ecard-100", "spotify-3m"),
        low=frozenset({"bnet-100-cny"}), expiring=frozenset({"iqiyi-vip-1m"}),
    ),
    Merchant(
        "harbor", "Harbor Gifts", "harbor-gifts", "Harbor Gifts", "en",
        ("nintendo-20-usd", "steam-50-cny", "spotify-3m", "starbucks-coffee", "tencent-video-1m"), 103, 200,
        out=frozenset({"tencent-video-1m"}),
    ),
)  # fmt: skip
APPLICANT = ("orchid", "Orchid Play 兰花互娱")


def run(_: argparse.Namespace) -> int:
    """Makes the demo world unless the installation holds data already; says what it did."""
    settings = read_settings()
    print(asyncio.run(seed(settings)))
    return 0


async def seed(settings: Settings) -> str:
    """Fills an empty installation and writes demo.json; answers with one sentence."""
    open_database(settings)
    try:
        await open_keyring(load_master_keys(settings))
        async with governing(system_ctx("seed")) as tx:
            if await tx.fetchval("SELECT 1 FROM tenant LIMIT 1") is not None:
                return "This installation holds data already; no demo world was made."
        demo = await _World(settings).make()
        if settings.profile == "local":
            await register(settings)
            demo["gateways"] = [{"key": GATEWAY_KEY, "url": sandbox_url(settings)}]
        write_demo(settings, demo)
    finally:
        close_keyring()
        await close_database()
    return f"A demo world was made; {demo_file(settings)} tells of it."


class _World:
    """The demo world while it is made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = Ctx(
            actor=ActorKind.PLATFORM_ADMIN,
            permissions=PLATFORM_ADMIN_PERMISSIONS | {"platform.people"},
            request_id="seed",
        )

    async def make(self) -> dict[str, Any]:
        """Everything, in order; answers what demo.json holds."""
        admin = await make_person(self._admin, "admin", "Ada Platform", platform_role=PlatformRole.ADMIN)
        self._admin = replace(self._admin, actor_id=UUID(admin.pop("key")))
        entitlements = {good.sku: await self._entitlement(good) for good in GOODS}
        tenants = [await self._merchant(merchant, entitlements) for merchant in MERCHANTS]
        async with governing(self._admin) as tx:
            applied = await tenancy.apply_tenant(tx, self._admin, slug=APPLICANT[0], name=APPLICANT[1])
        chain = await make_chains(self._admin, entitlements)
        for shop in chain:
            await self._history(TenantId(UUID(shop["key"])), shop["listings"], shop["buyers"])
        await pay_out(chain[0])
        tenants += chain
        tenants.append(
            {
                "id": global_id("Tenant", applied),
                "key": str(applied),
                "slug": APPLICANT[0],
                "name": APPLICANT[1],
                "state": "APPLIED",
            }
        )
        return {
            **addresses(self._settings),
            "admins": [admin],
            "entitlements": [{"id": global_id("Entitlement", key), "sku": sku} for sku, key in entitlements.items()],
            "tenants": tenants,
        }

    async def _entitlement(self, good: Good) -> EntitlementId:
        details = EntitlementDetails(
            brand=good.brand, name=good.name, name_zh=good.name_zh, category=good.category,
            face_value=None if good.face_minor is None else Money(good.face_minor, "CNY"), region=good.region,
            validity_days=good.validity_days, redemption=good.redemption, redemption_zh=good.redemption_zh,
            restrictions=good.restrictions, restrictions_zh=good.restrictions_zh,
        )  # fmt: skip
        async with governing(self._admin) as tx:
            made = await catalog.create_entitlement(
                tx, self._admin, sku=good.sku, fulfilment_kind=good.kind, details=details
            )
        return made.id

    async def _merchant(self, merchant: Merchant, entitlements: dict[str, EntitlementId]) -> dict[str, Any]:
        async with governing(self._admin) as tx:
            tenant_id = await tenancy.apply_tenant(
                tx, self._admin, slug=merchant.slug, name=merchant.name, fee_bps=merchant.fee_bps
            )
            await tenancy.approve_tenant(tx, self._admin, tenant_id, reason="demo")
            await payments.record_deposit(
                tx, self._admin, tenant_id=tenant_id, amount=Money(MERCHANT_FUNDS_MINOR, "CNY"), reason="demo deposit"
            )
        members, owner = await self._members(merchant, tenant_id)
        async with transaction(owner) as tx:
            store = await storefront.create_store(
                tx, owner, slug=merchant.store, name=merchant.store_name, currency="CNY", locale=merchant.locale
            )
            client, secret = await identity.create_api_client(
                tx, owner, name="Back office system", scopes=sorted(MERCHANT_PERMISSIONS)
            )
        goods = [good for good in GOODS if good.sku in merchant.skus]
        goods.sort(key=lambda good: merchant.skus.index(good.sku))
        listings = [
            await self._listing(owner, merchant, store.id, good, entitlements[good.sku], position=n)
            for n, good in enumerate(goods)
        ]
        buyers = [await make_buyer(owner, merchant.slug, who) for who in ("mei", "tom", "agent")]
        await self._history(tenant_id, listings, buyers)
        return {
            "id": global_id("Tenant", tenant_id), "key": str(tenant_id), "slug": merchant.slug, "name": merchant.name,
            "state": "ACTIVE", "store": {"id": global_id("Store", store.id), "slug": store.slug, "name": merchant.store_name},
            "members": members,
            "api_client": {"client_id": client.client_id, "client_secret": secret.reveal(), "scopes": list(client.scopes)},
            "listings": listings, "buyers": buyers,
        }  # fmt: skip

    async def _members(self, merchant: Merchant, tenant_id: TenantId) -> tuple[list[dict[str, str]], Ctx]:
        members: list[dict[str, str]] = []
        for role in MemberRole:
            person = await make_person(
                self._admin, f"{role.value.lower()}.{merchant.slug}", f"{role.value.title()} of {merchant.name}"
            )
            async with governing(self._admin) as tx:
                await identity.create_member(
                    tx, self._admin, tenant_id=tenant_id, user_id=UserId(UUID(person["key"])), role=role
                )
            members.append({"role": role.value, **person})
        return members, owner_ctx(tenant_id, members[0])

    async def _listing(
        self, owner: Ctx, merchant: Merchant, store_id: Any, good: Good, entitlement_id: EntitlementId, *, position: int
    ) -> dict[str, Any]:
        title = good.name_zh if merchant.locale == "zh-CN" else good.name
        price = Money(good.price_minor * merchant.price_percent // 100, "CNY")
        async with transaction(owner) as tx:
            pool = await codes.create_pool(tx, owner, entitlement_id=entitlement_id, name=title)
            listing = await catalog.create_listing(
                tx, owner, store_id=store_id, entitlement_id=entitlement_id, title=title, price=price, order_max=50,
                customer_max=10 if good.category == "video" else None,
                customer_period_days=30 if good.category == "video" else None, low_stock_at=20, position=position,
            )  # fmt: skip
            await routing.add_source(tx, owner, listing_id=listing.id, pool_id=pool.id)
            await routing.publish_listing(tx, owner, listing_id=listing.id, version=listing.version)
        stock = 0 if good.sku in merchant.out else 12 if good.sku in merchant.low else STOCK
        if stock:
            await self._import(owner, merchant, good, pool.id, stock)
        return {
            "id": global_id("Listing", listing.id), "key": str(listing.id), "title": title, "sku": good.sku,
            "price": {"amount": str(price.decimal), "currency": price.currency},
            "pool": {"id": global_id("Pool", pool.id), "key": str(pool.id)}, "stock": stock,
        }  # fmt: skip

    async def _import(self, owner: Ctx, merchant: Merchant, good: Good, pool_id: Any, stock: int) -> None:
        soon = clock.now() + timedelta(days=9)
        later = clock.now() + timedelta(days=400)
        parts = [(stock // 3, soon), (stock - stock // 3, later)] if good.sku in merchant.expiring else [(stock, later)]
        pins = good.make is card_and_pin
        for count, expires_at in parts:
            lines = [good.make() for _ in range(count)]
            text = "\n".join(["code,pin", *lines] if pins else lines)
            async with codes.sealing(owner) as tx:
                await codes.import_codes(
                    tx, owner, pool_id=pool_id, text=Secret(text), unit_cost=Money(good.cost_minor, "CNY"),
                    origin=f"{good.brand} distributor, invoice {secrets.randbelow(90_000) + 10_000}", expires_at=expires_at,
                    format=ImportFormat.CSV if pins else ImportFormat.TXT,
                )  # fmt: skip

    async def _history(self, tenant_id: TenantId, listings: list[dict[str, Any]], buyers: list[dict[str, Any]]) -> None:
        """A few orders, so that lists are not empty: paid ones, one that waits to be paid."""
        on_sale = [listing for listing in listings if listing["stock"]]
        for n, buyer in enumerate(buyers * 4):
            customer_id = CustomerId(UUID(buyer["key"]))
            ctx = buyer_ctx(tenant_id, customer_id)
            listing = on_sale[n % len(on_sale)]
            request = OrderRequest(
                lines=((ListingId(UUID(listing["key"])), 1 + n % 2),), channel="WEB",
                pay_by=PayBy.LATER if n == len(buyers) * 4 - 1 else PayBy.WALLET,
            )  # fmt: skip
            async with trading(ctx) as tx:
                await orders.place_order(tx, ctx, customer_id=customer_id, request=request)
