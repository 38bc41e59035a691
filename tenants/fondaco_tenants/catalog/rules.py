"""Pure decisions of the catalogue: what a standard and a listing may say, and how a listing moves."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.ids import EntitlementId, ListingId, StoreId, TenantId
from fondaco_core.money import Money, checked_currency


class FulfilmentKind(StrEnum):
    """How an entitlement reaches its buyer."""

    CODE = "CODE"
    LINK = "LINK"
    QR = "QR"
    TOP_UP = "TOP_UP"
    SERVICE = "SERVICE"


class EntitlementState(StrEnum):
    """Whether a standard takes new listings."""

    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


class ListingState(StrEnum):
    """Where a listing stands; only ACTIVE is on sale."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementDetails:
    """What the platform says of a standard; everything of it may be changed later."""

    brand: str
    name: str
    name_zh: str
    category: str
    face_value: Money | None = None
    region: str = "GLOBAL"
    validity_days: int | None = None
    redemption: str
    redemption_zh: str
    restrictions: str | None = None
    restrictions_zh: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """A standard definition of a good, the same for every merchant."""

    id: EntitlementId
    sku: str
    fulfilment_kind: FulfilmentKind
    case_sensitive: bool
    details: EntitlementDetails
    state: EntitlementState
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingTerms:
    """What a merchant says of a listing; everything of it may be changed later."""

    title: str
    description: str = ""
    price: Money
    order_max: int = 10
    customer_max: int | None = None
    customer_period_days: int | None = None
    low_stock_at: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a store sells, as its owner sees it."""

    id: ListingId
    tenant_id: TenantId
    store_id: StoreId
    entitlement_id: EntitlementId
    terms: ListingTerms
    state: ListingState
    created_at: datetime
    version: int


_MOVES: dict[ListingState, frozenset[ListingState]] = {
    ListingState.DRAFT: frozenset({ListingState.ACTIVE, ListingState.ARCHIVED}),
    ListingState.ACTIVE: frozenset({ListingState.PAUSED, ListingState.ARCHIVED}),
    ListingState.PAUSED: frozenset({ListingState.ACTIVE, ListingState.ARCHIVED}),
    # What was archived may stand in orders for ever, and is never sold again under the same id.
    ListingState.ARCHIVED: frozenset(),
}


def may_move(before: ListingState, after: ListingState) -> bool:
    """Whether a listing may go from one state to another."""
    return after in _MOVES[before]


_SKU = re.compile(r"[a-z0-9][a-z0-9-]{1,62}[a-z0-9]")
_REGION = re.compile(r"[A-Z]{2}")
# A century: longer than any entitlement lasts, and far from what dates can hold.
_DAYS_MAX = 36_500
# The largest number that the schema's Int can say.
_INT_MAX = 2**31 - 1


def checked_text(text: str, *, path: tuple[str, ...], most: int = limits.NAME_MAX, least: int = 1) -> str:
    """The text without blanks around it, when it is as long as it must be and can be printed; else Invalid."""
    kept = text.strip()
    if not least <= len(kept) <= most:
        raise Invalid(f"This needs {least} to {most} characters.", zh=f"长度须为 {least} 至 {most} 个字符。", path=path)
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t" for char in kept):
        raise Invalid("Control characters are not taken here.", zh="此处不接受控制字符。", path=path)
    return kept


def checked_sku(sku: str) -> str:
    """The SKU itself, when programs can say it."""
    if not _SKU.fullmatch(sku):
        raise Invalid(
            "A SKU has 3 to 64 small letters, digits and dashes, for example steam-50-cny.",
            zh="SKU 须为 3 至 64 个小写字母、数字或短横线，例如 steam-50-cny。",
            path=("sku",),
        )
    return sku


def checked_details(details: EntitlementDetails) -> EntitlementDetails:
    """The details with their texts trimmed; Invalid, with the field at fault, when they make no sense."""
    if details.region != "GLOBAL" and not _REGION.fullmatch(details.region):
        raise Invalid(
            "A region is two capital letters by ISO 3166-1, such as CN, or GLOBAL.",
            zh="地区须为 ISO 3166-1 两位大写字母（如 CN）或 GLOBAL。",
            path=("region",),
        )
    _check_range(details.validity_days, 1, _DAYS_MAX, path=("validity_days",))
    if details.face_value is not None:
        _check_money(details.face_value, path=("face_value",))

    def maybe(text: str | None, name: str) -> str | None:
        return None if text is None or not text.strip() else checked_text(text, path=(name,), most=limits.NOTE_MAX)

    return EntitlementDetails(
        brand=checked_text(details.brand, path=("brand",)),
        name=checked_text(details.name, path=("name",)),
        name_zh=checked_text(details.name_zh, path=("name_zh",)),
        category=checked_text(details.category, path=("category",)),
        face_value=details.face_value,
        region=details.region,
        validity_days=details.validity_days,
        redemption=checked_text(details.redemption, path=("redemption",), most=limits.NOTE_MAX),
        redemption_zh=checked_text(details.redemption_zh, path=("redemption_zh",), most=limits.NOTE_MAX),
        restrictions=maybe(details.restrictions, "restrictions"),
        restrictions_zh=maybe(details.restrictions_zh, "restrictions_zh"),
    )


def checked_terms(terms: ListingTerms, *, currency: str) -> ListingTerms:
    """The terms with their texts trimmed; Invalid, with the field at fault, when a store of the currency cannot have them."""
    if terms.price.currency != currency:
        raise Invalid(
            f"This store sells in {currency}, not in {terms.price.currency}.",
            zh=f"本店铺的币种为 {currency}，不是 {terms.price.currency}。",
            path=("price", "currency"),
        )
    _check_money(terms.price, path=("price",))
    _check_range(terms.order_max, 1, limits.HOLD_CODES_MAX, path=("order_max",))
    _check_range(terms.customer_max, 1, _INT_MAX, path=("customer_max",))
    _check_range(terms.customer_period_days, 1, _DAYS_MAX, path=("customer_period_days",))
    if terms.customer_period_days is not None and terms.customer_max is None:
        raise Invalid(
            "A period needs a limit per customer: give customerMax, too.",
            zh="设置限购周期时须同时设置每人限购数量（customerMax）。",
            path=("customer_max",),
        )
    _check_range(terms.low_stock_at, 0, _INT_MAX, path=("low_stock_at",))
    _check_range(terms.position, 0, _INT_MAX, path=("position",))
    return ListingTerms(
        title=checked_text(terms.title, path=("title",)),
        description=checked_text(terms.description, path=("description",), most=limits.NOTE_MAX, least=0),
        price=terms.price,
        order_max=terms.order_max,
        customer_max=terms.customer_max,
        customer_period_days=terms.customer_period_days,
        low_stock_at=terms.low_stock_at,
        position=terms.position,
    )


def changed_names(before: object, after: object, names: Iterable[str]) -> list[str]:
    """Which of the named fields differ, for the audit log."""
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def _check_money(value: Money, *, path: tuple[str, ...]) -> None:
    checked_currency(value.currency, path=(*path, "currency"))
    if not 0 <= value.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise Invalid(
            "An amount is zero or more, and no fortune.", zh="金额须不小于零且不超过上限。", path=(*path, "amount")
        )


def _check_range(value: int | None, least: int, most: int, *, path: tuple[str, ...]) -> None:
    if value is not None and not least <= value <= most:
        raise Invalid(
            f"This is a whole number from {least} to {most}.", zh=f"须为 {least} 至 {most} 的整数。", path=path
        )
