"""The demo world's supply: three suppliers with codes, two merchants between, three shops that sell what others have.

Two goods reach every shop over two ways at different prices, so that it can be watched how money moves at each hop, and how
the next way steps in when the first one runs dry: Bamboo Source has a handful of the smaller card only.
"""

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import clock, identity, tenancy
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Tx, governing, transaction
from fondaco_core.identity import MERCHANT_PERMISSIONS, MemberRole
from fondaco_core.ids import EntitlementId, OfferId, PoolId, TenantId, UserId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_ops.seed.goods import GOODS, Good
from fondaco_ops.seed.people import Password, global_id, make_buyer, make_person, new_password, owner_ctx
from fondaco_tenants import catalog, codes, payments, routing, storefront, supply
from fondaco_tenants.codes import ImportFormat
from fondaco_tenants.supply import PriceBreak, StockView, Terms, Tier

SMALL, LARGE = "steam-50-cny", "steam-100-cny"
FEE_BPS = 150
NEWS_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Line:
    """One wholesale line: its price, and what fills it, own codes or the offers of others, in their order."""

    sku: str
    price_minor: int
    codes: int = 0
    over: tuple[str, ...] = ()
    # Whoever takes so many pays so much for each.
    many: tuple[int, int] | None = None
    # What it costs in two weeks.
    later_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """One listing of a shop, filled from the offers of others in their order, none of them dearer than the bound."""

    sku: str
    price_minor: int
    over: tuple[str, ...]
    max_cost_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Trader:
    """A merchant of the chain: from whom it buys, on which terms others buy from it, what it offers and sells."""

    slug: str
    name: str
    role: str
    funds_minor: int
    joins: tuple[str, ...] = ()
    terms: Terms | None = None
    # Whether anybody finds it in the market and may ask.
    open: bool = False
    lines: tuple[Line, ...] = ()
    locale: str = "zh-CN"
    shelves: tuple[Shelf, ...] = ()


def _terms(
    view: StockView, *, day: int | None = None, hold: int | None = None, credit_minor: int = 0, settle_days: int = 0
) -> Terms:
    credit = Money(credit_minor, "CNY") if credit_minor else None
    return Terms(
        stock_view=view, day_units_max=day, month_units_max=None, hold_units_max=hold, credit=credit, settle_days=settle_days
    )  # fmt: skip


# In the order in which they are made: nobody stands on one that comes later.
TRADERS = (
    Trader(
        "bamboo", "Bamboo Source 竹源卡业", "SUPPLIER", 1_000_000, terms=_terms(StockView.EXACT),
        lines=(Line(SMALL, 4_500, codes=8), Line(LARGE, 9_060, codes=60, many=(10, 9_000))),
    ),
    Trader(
        "kestrel", "Kestrel Codes 红隼数码", "SUPPLIER", 1_000_000,
        terms=_terms(StockView.BANDED, day=500, hold=50, credit_minor=500_000, settle_days=1),
        lines=(Line(SMALL, 4_560, codes=60), Line(LARGE, 9_120, codes=60)),
    ),
    Trader(
        "olddock", "Old Dock Trading 老码头贸易", "SUPPLIER", 1_000_000, terms=_terms(StockView.HIDDEN), open=True,
        lines=(Line(SMALL, 4_600, codes=60), Line(LARGE, 9_090, codes=60, later_minor=9_150)),
    ),
    Trader(
        "silkbridge", "Silk Bridge 丝桥分销", "RESELLER", 2_000_000, ("bamboo", "olddock"), _terms(StockView.BANDED),
        lines=(Line(SMALL, 4_630, over=("bamboo",)), Line(LARGE, 9_230, over=("bamboo", "olddock"))),
    ),
    # With little in its wallet: what it buys of Kestrel it soon owes.
    Trader(
        "delta", "Delta Wholesale 三角洲批发", "RESELLER", 100_000, ("kestrel", "olddock"), _terms(StockView.EXACT), open=True,
        lines=(Line(SMALL, 4_680, over=("kestrel", "olddock")), Line(LARGE, 9_290, over=("olddock", "kestrel"))),
    ),
    # Its first way to the smaller card runs dry soon: then Delta and Kestrel step in.
    Trader(
        "lantern", "Lantern Play 灯笼游戏", "SHOP", 7_000_000, ("silkbridge", "delta"),
        shelves=(Shelf(SMALL, 4_880, ("silkbridge", "delta")), Shelf(LARGE, 9_750, ("silkbridge", "delta"))),
    ),
    Trader(
        "pixel", "Pixel Pantry", "SHOP", 7_000_000, ("delta", "silkbridge"), locale="en",
        shelves=(Shelf(SMALL, 4_920, ("delta", "silkbridge")), Shelf(LARGE, 9_800, ("silkbridge", "delta"), 9_250)),
    ),
    Trader(
        "jade", "Jade Lane 玉巷", "SHOP", 7_000_000, ("olddock", "delta"),
        shelves=(Shelf(SMALL, 4_890, ("olddock", "delta")), Shelf(LARGE, 9_790, ("olddock", "delta"))),
    ),
)  # fmt: skip
# Who has asked whom and waits for an answer, so that there is a request to decide.
ASKS = ("pixel", "olddock", "Some 2,000 cards a month; we would like to buy from you directly.")


@dataclass(slots=True)
class _Made:
    """What a merchant of the chain is known by, once it is made."""

    trader: Trader
    tenant_id: TenantId
    owner: Ctx
    said: dict[str, Any]
    tier: Tier | None = None
    invitation: Secret[str] | None = None
    offers: dict[str, OfferId] = field(default_factory=dict)
    pools: dict[str, PoolId] = field(default_factory=dict)


async def make_chains(admin: Ctx, entitlements: dict[str, EntitlementId]) -> list[dict[str, Any]]:
    """Makes the merchants of the chain with all that is between them; answers what demo.json says of each."""
    # One password for all of them: to hash one takes longer than to make a merchant.
    password = await new_password()
    merchants = await asyncio.gather(*(_merchant(admin, trader, password) for trader in TRADERS))
    made = {one.trader.slug: one for one in merchants}
    for one in made.values():
        async with transaction(one.owner) as tx:
            await _link(tx, one, entitlements, made)
    await asyncio.gather(*(_fill(one, password) for one in made.values()))
    asker, asked, note = ASKS
    async with transaction(made[asker].owner) as tx:
        await supply.request_agreement(tx, made[asker].owner, supplier_id=made[asked].tenant_id, note=note)
    await routing.rebuild_routes(system_ctx("routing.rebuild", permissions=frozenset({"system.run"})))
    return [one.said for one in made.values()]


async def _merchant(admin: Ctx, trader: Trader, password: Password) -> _Made:
    """An active merchant with money, an owner and a machine."""
    person = await make_person(admin, f"owner.{trader.slug}", f"Owner of {trader.name}", password=password)
    async with governing(admin) as tx:
        tenant_id = await tenancy.apply_tenant(tx, admin, slug=trader.slug, name=trader.name, fee_bps=FEE_BPS)
        await tenancy.approve_tenant(tx, admin, tenant_id, reason="demo")
        await payments.record_deposit(
            tx, admin, tenant_id=tenant_id, amount=Money(trader.funds_minor, "CNY"), reason="demo deposit"
        )
        await identity.create_member(
            tx, admin, tenant_id=tenant_id, user_id=UserId(UUID(person["key"])), role=MemberRole.OWNER
        )
    owner = owner_ctx(tenant_id, person)
    async with transaction(owner) as tx:
        client, secret = await identity.create_api_client(
            tx, owner, name="Back office system", scopes=sorted(MERCHANT_PERMISSIONS)
        )
    said = {
        "id": global_id("Tenant", tenant_id), "key": str(tenant_id), "slug": trader.slug, "name": trader.name,
        "state": "ACTIVE", "role": trader.role, "supplied_by": list(trader.joins),
        "members": [{"role": MemberRole.OWNER.value, **person}],
        "api_client": {"client_id": client.client_id, "client_secret": secret.reveal(), "scopes": list(client.scopes)},
        "offers": [], "listings": [], "buyers": [],
    }  # fmt: skip
    return _Made(trader, tenant_id, owner, said)


async def _link(tx: Tx, one: _Made, entitlements: dict[str, EntitlementId], made: dict[str, _Made]) -> None:
    """All that stands on the merchants before: agreements, offers to those after it, a shop."""
    for supplier in one.trader.joins:
        token = made[supplier].invitation
        assert token is not None
        await supply.join_supplier(tx, one.owner, token=token)
    if one.trader.terms is not None:
        await _open(tx, one, one.trader.terms)
    for line in one.trader.lines:
        await _offer(tx, one, line, entitlements[line.sku], made)
    if one.trader.shelves:
        await _shop(tx, one, entitlements, made)


async def _fill(one: _Made, password: Password) -> None:
    """Codes for a supplier, a buyer for a shop."""
    if one.pools:
        async with codes.sealing(one.owner) as tx:
            for line in one.trader.lines:
                await _stock(tx, one, line)
    if one.trader.shelves:
        one.said["buyers"] = [await make_buyer(one.owner, one.trader.slug, "mei", password=password)]


async def _open(tx: Tx, one: _Made, terms: Terms) -> None:
    """A tier for those who buy from the merchant, and an invitation to it."""
    one.tier = await supply.create_tier(tx, one.owner, name="Trade 同行", entry=one.trader.open, terms=terms)
    _, one.invitation = await supply.create_invitation(
        tx, one.owner, tier_id=one.tier.id, label="Demo partners", uses_max=len(TRADERS)
    )


async def _offer(tx: Tx, one: _Made, line: Line, entitlement_id: EntitlementId, made: dict[str, _Made]) -> None:
    """A published offer with its prices, filled from a pool and from other merchants' offers as the line says."""
    assert one.tier is not None
    good = _good(line.sku)
    offer = await supply.create_offer(
        tx, one.owner, entitlement_id=entitlement_id, title=f"{good.name_zh} · {good.name}", currency="CNY",
        in_market=one.trader.open,
    )  # fmt: skip
    breaks = [(1, line.price_minor), *([] if line.many is None else [line.many])]
    lists: list[tuple[datetime | None, list[tuple[int, int]]]] = [(None, breaks)]
    if line.later_minor is not None:
        lists.append((clock.now() + NEWS_AHEAD, [(1, line.later_minor)]))
    for starts_at, listed in lists:
        await supply.set_prices(
            tx, one.owner, offer_id=offer.id, tier_id=one.tier.id, starts_at=starts_at,
            breaks=[PriceBreak(units, Money(minor, "CNY")) for units, minor in listed],
        )  # fmt: skip
    if line.codes:
        pool = await codes.create_pool(tx, one.owner, entitlement_id=entitlement_id, name=good.name_zh)
        await routing.add_source(tx, one.owner, offer_id=offer.id, pool_id=pool.id)
        one.pools[line.sku] = pool.id
    for supplier in line.over:
        await routing.add_source(tx, one.owner, offer_id=offer.id, supplier_offer_id=made[supplier].offers[line.sku])
    await routing.publish_offer(tx, one.owner, offer_id=offer.id, version=offer.version)
    one.offers[line.sku] = offer.id
    one.said["offers"].append({
        "id": global_id("Offer", offer.id), "key": str(offer.id), "sku": line.sku, "codes": line.codes,
        "over": list(line.over), "price": _price(line.price_minor),
    })  # fmt: skip


async def _stock(tx: Tx, one: _Made, line: Line) -> None:
    """Codes behind an offer."""
    good = _good(line.sku)
    await codes.import_codes(
        tx, one.owner, pool_id=one.pools[line.sku], text=Secret("\n".join(good.make() for _ in range(line.codes))),
        unit_cost=Money(line.price_minor * 97 // 100, "CNY"), format=ImportFormat.TXT,
        origin=f"{good.brand} distributor, invoice {secrets.randbelow(90_000) + 10_000}",
        expires_at=clock.now() + timedelta(days=400),
    )  # fmt: skip


async def _shop(tx: Tx, one: _Made, entitlements: dict[str, EntitlementId], made: dict[str, _Made]) -> None:
    """A store whose listings are filled from the offers of others."""
    trader = one.trader
    slug, name = f"{trader.slug}-shop", trader.name
    store = await storefront.create_store(tx, one.owner, slug=slug, name=name, currency="CNY", locale=trader.locale)
    one.said["store"] = {"id": global_id("Store", store.id), "slug": slug, "name": name}
    for position, shelf in enumerate(trader.shelves):
        good = _good(shelf.sku)
        title = good.name_zh if trader.locale == "zh-CN" else good.name
        listing = await catalog.create_listing(
            tx, one.owner, store_id=store.id, entitlement_id=entitlements[shelf.sku], title=title,
            price=Money(shelf.price_minor, "CNY"), order_max=50, low_stock_at=5, position=position,
        )  # fmt: skip
        for supplier in shelf.over:
            await routing.add_source(
                tx, one.owner, listing_id=listing.id, supplier_offer_id=made[supplier].offers[shelf.sku],
                max_cost=None if shelf.max_cost_minor is None else Money(shelf.max_cost_minor, "CNY"),
            )  # fmt: skip
        await routing.publish_listing(tx, one.owner, listing_id=listing.id, version=listing.version)
        one.said["listings"].append({
            "id": global_id("Listing", listing.id), "key": str(listing.id), "title": title, "sku": shelf.sku,
            "price": _price(shelf.price_minor), "over": list(shelf.over), "stock": _behind(shelf),
        })  # fmt: skip


def _behind(shelf: Shelf | Line) -> int:
    """How many codes there are behind something to begin with."""
    lines = {(trader.slug, line.sku): line for trader in TRADERS for line in trader.lines}
    own = shelf.codes if isinstance(shelf, Line) else 0
    return own + sum(_behind(lines[slug, shelf.sku]) for slug in shelf.over)


def _good(sku: str) -> Good:
    return next(good for good in GOODS if good.sku == sku)


def _price(minor: int) -> dict[str, str]:
    return {"amount": str(Money(minor, "CNY").decimal), "currency": "CNY"}
