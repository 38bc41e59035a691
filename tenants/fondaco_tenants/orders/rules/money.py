"""The money of a chain of hops: who pays whom, what is owed instead, and what goes back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from fondaco_core.ids import AgreementId, CustomerId, TenantId
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants.orders.rules.quote import Leg
from fondaco_tenants.orders.rules.routes import HopPlan

# So many times what an order takes is enough not to look at twice.
EASE = 1_000


def buyer_of(hop: HopPlan, customer_id: CustomerId, currency: str) -> Owner:
    """The wallet that pays a hop: the customer's at the store, or the buying merchant's own."""
    if hop.buyer_id is None:
        return Owner(hop.seller_id, customer_id, AccountKind.WALLET, currency)
    return Owner(hop.buyer_id, None, AccountKind.WALLET, currency)


def payments_of_hops(
    hops: Sequence[HopPlan], *, customer_id: CustomerId, currency: str, order_id: UUID
) -> list[NewTransfer]:
    """The transfers that pay a chain: at every hop the buyer's wallet or its credit pays the seller, who pays the platform its share."""
    transfers: list[NewTransfer] = []
    for hop in hops:
        transfers += _sale(hop, buyer_of(hop, customer_id, currency), currency, order_id)
    return _merged(transfers)


def _sale(hop: HopPlan, buyer: Owner, currency: str, order_id: UUID) -> list[NewTransfer]:
    seller = Owner(hop.seller_id, None, AccountKind.RECEIVABLE, currency)
    made: list[NewTransfer] = []
    if hop.amount_minor > hop.credit_minor:
        made.append(NewTransfer(buyer, seller, hop.amount_minor - hop.credit_minor, Purpose.SALE, order_id))
    if hop.credit_minor:
        owed = Owner(hop.buyer_id, None, AccountKind.CREDIT_USED, currency)
        made.append(NewTransfer(owed, seller, hop.credit_minor, Purpose.SALE, order_id))
    if hop.fee_minor:
        fees = Owner(None, None, AccountKind.FEES, currency)
        made.append(NewTransfer(seller, fees, hop.fee_minor, Purpose.FEE, order_id))
    return made


@dataclass(slots=True)
class Allowance:
    """What a reseller may still buy by an agreement, under its lock: as it is now, and counted down as orders are decided."""

    credit_left_minor: int
    units_left: int | None
    hold_left: int | None


def bear_chain(
    hops: Sequence[HopPlan],
    *,
    wallets: dict[Owner, int],
    allowed: Mapping[AgreementId, Allowance],
    currency: str,
    waits: bool,
) -> list[HopPlan] | None:
    """The hops with what of each is owed instead of paid, wallets and allowances counted down; None when one of the buyers cannot bear it.

    What a wallet has is taken before credit is. An agreement that is not in force any more allows nothing. The caller gives copies, which are of no use any more when it is None.
    """
    borne: list[HopPlan] = []
    for hop in hops:
        if hop.buyer_id is None or hop.agreement_id is None:
            borne.append(hop)
            continue
        line, wallet = allowed.get(hop.agreement_id), Owner(hop.buyer_id, None, AccountKind.WALLET, currency)
        if line is None:
            return None
        paid = min(hop.amount_minor, max(0, wallets[wallet]))
        credit = hop.amount_minor - paid
        if credit > line.credit_left_minor or not _within(line.units_left, hop.quantity):
            return None
        if waits and not _within(line.hold_left, hop.quantity):
            return None
        wallets[wallet] -= paid
        line.credit_left_minor -= credit
        line.units_left = None if line.units_left is None else line.units_left - hop.quantity
        line.hold_left = None if line.hold_left is None or not waits else line.hold_left - hop.quantity
        borne.append(replace(hop, credit_minor=credit))
    return borne


def at_ease(hops: Sequence[HopPlan], legs: Mapping[AgreementId, Leg], *, waits: bool) -> bool:
    """Whether every buyer of these hops has so much more than they take that nobody needs to wait for a lock to decide.

    What was read without one may be a moment old; the database refuses what is too much all the same.
    """
    units: Counter[AgreementId] = Counter()
    paid: Counter[TenantId] = Counter()
    for hop in hops:
        if hop.agreement_id is not None and hop.buyer_id is not None:
            units[hop.agreement_id] += hop.quantity
            paid[hop.buyer_id] += hop.amount_minor
    buyers = {hop.agreement_id: hop.buyer_id for hop in hops if hop.agreement_id is not None}
    for agreement, buyer in buyers.items():
        assert buyer is not None
        leg = legs[agreement]
        bounds = (leg.units_left, leg.hold_left if waits else None)
        if leg.wallet_minor < EASE * paid[buyer] or any(b is not None and b < EASE * units[agreement] for b in bounds):
            return False
    return True


def _within(left: int | None, units: int) -> bool:
    return left is None or units <= left


def _merged(transfers: Sequence[NewTransfer]) -> list[NewTransfer]:
    """One transfer where several of an order go between the same accounts for the same purpose."""
    sums: dict[tuple[object, ...], NewTransfer] = {}
    for t in transfers:
        key = (t.debit, t.credit, t.purpose)
        before = sums.get(key)
        amount_minor = t.amount_minor + (before.amount_minor if before else 0)
        sums[key] = NewTransfer(t.debit, t.credit, amount_minor, t.purpose, t.reference_id)
    return list(sums.values())


@dataclass(frozen=True, slots=True)
class SoldHop:
    """A hop as it was bought, with the units that refunds have taken back already, and what of it its buyer still owes."""

    seller_id: TenantId
    buyer_id: TenantId | None
    unit_price_minor: int
    quantity: int
    fee_minor: int
    refunded_units: int
    owed_minor: int = 0


@dataclass(frozen=True, slots=True)
class HopBack:
    """What goes back at one hop with so many units: the price to its buyer, the fee to its seller, and what of the price was owed."""

    amount_minor: int
    fee_minor: int
    credit_minor: int


def share_back(hop: SoldHop, units: int) -> HopBack:
    """What so many units of a hop give back: the price whole, and first off what is owed; the fee in the share that is still open.

    The share of the last unit is what is left, so that refunding unit by unit returns exactly what was taken. What was repaid is
    owed no more and goes back as money: over all refunds the buyer gets back what it paid, and never what it only owed.
    """
    assert 0 < units <= hop.quantity - hop.refunded_units
    amount_minor, after = hop.unit_price_minor * units, hop.refunded_units + units
    fee_minor = hop.fee_minor * after // hop.quantity - hop.fee_minor * hop.refunded_units // hop.quantity
    return HopBack(amount_minor, fee_minor, min(amount_minor, hop.owed_minor))


def refund_of_hop(
    hop: SoldHop, back: HopBack, *, customer_id: CustomerId, currency: str, refund_id: UUID
) -> list[NewTransfer]:
    """The transfers that give back what `back` says: to the buyer's wallet, or off what it owes, and to the seller its fee."""
    seller = Owner(hop.seller_id, None, AccountKind.RECEIVABLE, currency)
    buyer = (
        Owner(hop.seller_id, customer_id, AccountKind.WALLET, currency)
        if hop.buyer_id is None
        else Owner(hop.buyer_id, None, AccountKind.WALLET, currency)
    )
    made: list[NewTransfer] = []
    if back.fee_minor:
        fees = Owner(None, None, AccountKind.FEES, currency)
        made.append(NewTransfer(fees, seller, back.fee_minor, Purpose.FEE_REFUND, refund_id))
    if back.credit_minor:
        owed = Owner(hop.buyer_id, None, AccountKind.CREDIT_USED, currency)
        made.append(NewTransfer(seller, owed, back.credit_minor, Purpose.REFUND, refund_id))
    if back.amount_minor > back.credit_minor:
        made.append(NewTransfer(seller, buyer, back.amount_minor - back.credit_minor, Purpose.REFUND, refund_id))
    return made
