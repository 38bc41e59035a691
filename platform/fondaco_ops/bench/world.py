"""What a run sells: merchants, listings, stock and buyers with money and a session, all of it as the product makes them."""

from base64 import b64encode
from dataclasses import dataclass
from uuid import UUID

from fondaco_core import identity, ledger, tenancy
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import governing, transaction
from fondaco_core.identity import (
    BUYER_PERMISSIONS,
    PLATFORM_ADMIN_PERMISSIONS,
    ROLE_PERMISSIONS,
    MemberRole,
    SessionKind,
)
from fondaco_core.ids import CustomerId, EntitlementId, ListingId, PoolId, StoreId, TenantId, new_id
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_ops.bench.system import System
from fondaco_tenants import catalog, codes, customers, routing, storefront

PRICE_MINOR = 4_800
# The platform takes its share, so that every order has two transfers, as most will have.
FEE_BPS = 250
FUNDS_MINOR = 10**11
CURRENCY = "CNY"

_PLATFORM = system_ctx("bench", permissions=PLATFORM_ADMIN_PERMISSIONS)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A listing on sale and the pool of its merchant that it is filled from."""

    listing_id: ListingId
    pool_id: PoolId
    entitlement_id: EntitlementId

    @property
    def global_id(self) -> str:
        """The listing's id as the schema shows it."""
        return node_id("Listing", self.listing_id)


@dataclass(frozen=True, slots=True)
class Shop:
    """An approved merchant with an open store."""

    tenant_id: TenantId
    owner: Ctx
    store_id: StoreId
    slug: str


@dataclass(frozen=True, slots=True)
class Buyer:
    """A signed-in customer with money in the wallet."""

    ctx: Ctx
    token: str

    @property
    def id(self) -> CustomerId:
        """The customer."""
        assert self.ctx.customer_id is not None
        return self.ctx.customer_id


def node_id(kind: str, key: UUID) -> str:
    """A row's id as the schema shows it."""
    return b64encode(f"{kind}:{key}".encode()).decode()


async def make_shop() -> Shop:
    """A merchant with an owner and a store, and nothing to sell yet."""
    name = f"bench-{new_id().hex[-12:]}"
    async with governing(_PLATFORM) as tx:
        tenant_id = await tenancy.apply_tenant(tx, _PLATFORM, slug=name, name="A merchant", fee_bps=FEE_BPS)
        await tenancy.approve_tenant(tx, _PLATFORM, tenant_id)
        user = await identity.create_user(
            tx, _PLATFORM, email=f"{name}@example.com", name="An owner", password_hash=None
        )
        await identity.create_member(tx, _PLATFORM, tenant_id=tenant_id, user_id=user, role=MemberRole.OWNER)
    owner = Ctx(
        actor=ActorKind.MEMBER, actor_id=user, tenant_id=tenant_id, permissions=ROLE_PERMISSIONS[MemberRole.OWNER],
        request_id="bench",
    )  # fmt: skip
    async with transaction(owner) as tx:
        store = await storefront.create_store(tx, owner, slug=name, name="A store", currency=CURRENCY)
    return Shop(tenant_id, owner, store.id, name)


async def make_shelf(shop: Shop, *, position: int = 0) -> Shelf:
    """A listing on sale with an empty pool."""
    details = catalog.EntitlementDetails(
        brand="Steam", name="Steam Wallet 50 CNY", name_zh="Steam 钱包 50 元", category="games",
        face_value=Money(5_000, CURRENCY), region="CN", redemption="Open Steam, choose Redeem, enter the code.",
        redemption_zh="打开 Steam,选择兑换,输入卡密。", restrictions="One account only.", restrictions_zh="仅限一个账号使用。",
    )  # fmt: skip
    async with governing(_PLATFORM) as tx:
        entitlement = await catalog.create_entitlement(
            tx, _PLATFORM, sku=f"bench-{new_id().hex[-12:]}", fulfilment_kind=catalog.FulfilmentKind.CODE,
            details=details, case_sensitive=False,
        )  # fmt: skip
    ctx = shop.owner
    async with transaction(ctx) as tx:
        pool = await codes.create_pool(tx, ctx, entitlement_id=entitlement.id, name="A pool")
        listing = await catalog.create_listing(
            tx, ctx, store_id=shop.store_id, entitlement_id=entitlement.id, title="Steam 50",
            price=Money(PRICE_MINOR, CURRENCY), order_max=1_000, customer_max=None, customer_period_days=None,
            low_stock_at=0, position=position,
        )  # fmt: skip
        await catalog.publish_listing(tx, ctx, listing_id=listing.id, version=1)
        await routing.add_source(tx, ctx, listing_id=listing.id, pool_id=pool.id, priority=0, enabled=True)
    return Shelf(listing.id, pool.id, entitlement.id)


async def make_buyers(shop: Shop, count: int, *, funds_minor: int = FUNDS_MINOR) -> list[Buyer]:
    """Registered buyers, each with a wallet of their own and a session."""
    made: list[Buyer] = []
    visitor = Ctx(tenant_id=shop.tenant_id, request_id="bench")
    async with transaction(visitor) as tx:
        for _ in range(count):
            buyer = await customers.register_customer(tx, visitor, contact=f"b{new_id().hex}@example.com")
            started = await identity.start_session(
                tx, visitor, kind=SessionKind.CUSTOMER, tenant_id=shop.tenant_id, customer_id=buyer
            )
            ctx = Ctx(
                actor=ActorKind.CUSTOMER, actor_id=buyer, tenant_id=shop.tenant_id, customer_id=buyer,
                permissions=BUYER_PERMISSIONS, request_id="bench",
            )  # fmt: skip
            made.append(Buyer(ctx, started.token.reveal()))
    clearing = Owner(None, None, AccountKind.GATEWAY_CLEARING, CURRENCY)
    async with governing(_PLATFORM) as tx:
        await ledger.post(tx, [
            NewTransfer(clearing, wallet_of(shop, buyer), funds_minor, Purpose.TOP_UP, None) for buyer in made
        ])  # fmt: skip
    return made


def wallet_of(shop: Shop, buyer: Buyer) -> Owner:
    """Whose wallet a buyer pays from."""
    return Owner(shop.tenant_id, buyer.id, AccountKind.WALLET, CURRENCY)


# Codes that look like imported ones: sealed text, fingerprint, mask; nobody opens them here, so that they are random
# bytes of the right length. An import of its own, whose counts are true.
_LOAD = """
WITH batch AS (
  INSERT INTO code_batch (id, tenant_id, pool_id, state, origin, unit_cost_minor, currency, expires_at, format, lines, accepted,
    created_at, finished_at)
  VALUES (uuidv7(), $1, $2, 'READY', 'bench', 3000, 'CNY', $4, 'TXT', $3, $3, now(), now())
  RETURNING id
), made AS (
  INSERT INTO code (id, tenant_id, pool_id, batch_id, state, expires_at, sealed, fingerprint, original, masked, changed_at)
  SELECT uuidv7(), $1, $2, batch.id, 'AVAILABLE', $4, sha256(gen_random_uuid()::text::bytea) || sha256(n::text::bytea),
    sha256(gen_random_uuid()::text::bytea), true, '••••••••••••' || right(n::text, 4), now()
  FROM batch, generate_series(1, $3) AS n
  RETURNING id, fingerprint
)
INSERT INTO code_fingerprint (fingerprint, code_id, tenant_id) SELECT fingerprint, id, $1 FROM made ORDER BY fingerprint
"""


async def stock(system: System, shop: Shop, pool_id: PoolId, count: int) -> None:
    """Puts codes into a pool that nothing was sold from yet."""
    async with system.owner() as connection:
        await connection.execute(_LOAD, shop.tenant_id, pool_id, count, codes.NEVER)
        await connection.execute("ANALYZE code, code_fingerprint")
