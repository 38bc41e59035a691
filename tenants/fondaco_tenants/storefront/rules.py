"""Pure decisions of the storefront: what a store may say of itself, and how much of its stock strangers learn."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.ids import EntitlementId, ListingId, StoreId, TenantId
from fondaco_core.money import Money

# The languages that the product speaks.
LOCALES = ("zh-CN", "en")
# The shortest hold that lets a buyer finish paying, in seconds.
HOLD_MIN_S = 30


class StoreState(StrEnum):
    """Whether visitors find the store."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class StockClass(StrEnum):
    """How much of a listing there is, as strangers are told: never a number."""

    OUT = "OUT"
    LOW = "LOW"
    IN_STOCK = "IN_STOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDetails:
    """What a merchant says of a store; everything of it may be changed later."""

    name: str
    description: str = ""
    locale: str = "zh-CN"
    state: StoreState = StoreState.OPEN
    guest_checkout: bool = True
    hold_s: int = limits.HOLD_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A tenant's sales front. `slug` is the door by which visitors find it, and never changes."""

    id: StoreId
    tenant_id: TenantId
    slug: str
    currency: str
    details: StoreDetails
    created_at: datetime
    version: int


class ShownListing(NamedTuple):
    """A listing with its entitlement and stock, as one statement reads them: flat, because pages show many of them.

    `available` is exact below `stock_seen(low_stock_at)` and never more; strangers learn its class only. It counts own pools: of a
    `chained` one, which other merchants fill, too, routes say more.
    """

    id: ListingId
    tenant_id: TenantId
    store_id: StoreId
    title: str
    description: str
    price_minor: int
    currency: str
    order_max: int
    customer_max: int | None
    customer_period_days: int | None
    low_stock_at: int
    state: str
    position: int
    created_at: datetime
    version: int
    entitlement_id: EntitlementId
    sku: str
    brand: str
    name: str
    name_zh: str
    category: str
    fulfilment_kind: str
    face_value_minor: int | None
    face_currency: str | None
    region: str
    validity_days: int | None
    case_sensitive: bool
    redemption: str
    redemption_zh: str
    restrictions: str | None
    restrictions_zh: str | None
    entitlement_state: str
    entitlement_created_at: datetime
    entitlement_version: int
    available: int
    chained: bool

    @property
    def face_value(self) -> Money | None:
        """What the entitlement is worth where it is redeemed."""
        return None if self.face_currency is None else Money(self.face_value_minor or 0, self.face_currency)


def stock_class(available: int, *, low_stock_at: int) -> StockClass:
    """How much strangers learn of `available` units, of which no more than `stock_seen(low_stock_at)` need be counted."""
    if available <= 0:
        return StockClass.OUT
    return StockClass.LOW if available < stock_seen(low_stock_at) else StockClass.IN_STOCK


def stock_seen(low_stock_at: int) -> int:
    """How many units must be counted to tell LOW from IN_STOCK."""
    return min(max(low_stock_at, limits.STOCK_LOW_BELOW), limits.STOCK_SEEN_MAX)


def checked_locale(locale: str) -> str:
    """The locale itself when the product speaks it; else Invalid."""
    if locale not in LOCALES:
        raise Invalid(
            f"A store speaks one of {', '.join(LOCALES)}.", zh=f"店铺语言须为：{'、'.join(LOCALES)}。", path=("locale",)
        )
    return locale


def checked_hold(hold_s: int) -> int:
    """The hold time itself when buyers can live with it; else Invalid."""
    if not HOLD_MIN_S <= hold_s <= limits.HOLD_MAX_S:
        raise Invalid(
            f"Unpaid orders hold their stock for {HOLD_MIN_S} to {limits.HOLD_MAX_S} seconds.",
            zh=f"未付款订单的库存保留时间须为 {HOLD_MIN_S} 至 {limits.HOLD_MAX_S} 秒。",
            path=("hold_seconds",),
        )
    return hold_s
