"""Time passes between merchants: what is due is paid out and drawn, and what both ends hear is looked up."""

from typing import Any

import orjson

from fondaco_core import ledger
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, trading
from fondaco_core.ids import AgreementId, EntitlementId, OfferId, TenantId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants import orders, routing, settlement
from fondaco_tenants.orders import Placed
from fondaco_tenants.settlement import Debt, Repayment
from tests.support.factories.chains import Merchant, make_front
from tests.support.factories.orders import Shop, balance, fund, make_buyer, place

SYSTEM = system_ctx("settlement", permissions=frozenset({"system.run"}))


async def settle(tenant_id: TenantId) -> bool:
    """Pays a merchant a page of what is due to it."""
    async with trading(SYSTEM) as tx:
        return await settlement.settle_seller(tx, SYSTEM, tenant_id=tenant_id, currency="CNY")


async def draw(tenant_id: TenantId) -> bool:
    """Draws a page of what is due from a merchant."""
    async with trading(SYSTEM) as tx:
        return await settlement.draw_due(tx, SYSTEM, tenant_id=tenant_id, currency="CNY")


async def repay(reseller: Merchant, agreement_id: AgreementId, amount_minor: int) -> Repayment:
    """A reseller pays by itself."""
    async with trading(reseller.owner) as tx:
        return await settlement.repay_credit(
            tx, reseller.owner, agreement_id=agreement_id, amount=Money(amount_minor, "CNY")
        )


async def debt(merchant: Merchant, agreement_id: AgreementId) -> tuple[int, int, int]:
    """What is owed by an agreement, due and overdue, as one end sees it."""
    async with trading(merchant.owner) as tx:
        found: Debt = (await settlement.debts_by_agreement(tx, merchant.owner, [agreement_id]))[agreement_id]
    return found.owed.amount_minor, found.due.amount_minor, found.overdue.amount_minor


async def agreement_of(supplier: Merchant, reseller: Merchant) -> AgreementId:
    """The agreement of two merchants."""
    async with governing(SYSTEM) as tx:
        sql = "SELECT id FROM agreement WHERE supplier_tenant_id = $1 AND reseller_tenant_id = $2"
        return AgreementId(await tx.fetchval(sql, supplier.tenant_id, reseller.tenant_id))


async def money(tenant_id: TenantId) -> tuple[int, int, int]:
    """What a merchant has in its wallet, is still to get, and owes."""
    kinds = (AccountKind.WALLET, AccountKind.RECEIVABLE, AccountKind.CREDIT_USED)
    wallet, receivable, credit = [await balance(tenant_id, None, kind) for kind in kinds]
    return wallet, receivable, -credit


async def give_back(shop: Shop, placed: Placed, units: int) -> None:
    """Refunds the first units of an order that are not refunded yet."""
    async with trading(shop.owner) as tx:
        of = await orders.list_allocations(tx, shop.owner, order_id=placed.order_id)
        ids = [unit.id for unit in of if unit.refunded_at is None][:units]
        await orders.refund_order(tx, shop.owner, order_id=placed.order_id, reason="bad", allocation_ids=ids)


async def told(name: str, tenant_id: TenantId) -> list[dict[str, Any]]:
    """What events of a name say that are of a merchant, in their order."""
    async with governing(SYSTEM) as tx:
        sql = "SELECT payload::text FROM outbox_event WHERE name = $1 AND tenant_id = $2 ORDER BY seq"
        rows = await tx.fetch(sql, name, tenant_id)
    return [orjson.loads(row["payload"]) for row in rows]


async def buy_on_credit(
    reseller: Merchant, agreement_id: AgreementId, entitlement_id: EntitlementId, offer_id: OfferId
) -> None:
    """A merchant without money sells a unit of a supplier's and owes it, until it has money and pays some of it."""
    shop = await make_front(reseller, entitlement_id, offer_id, price_minor=20_000)
    await routing.rebuild_routes(SYSTEM)
    await place(shop, await make_buyer(shop))
    await fund(reseller.tenant_id, None, 1_000)
    await repay(reseller, agreement_id, 1_000)


async def spend(tenant_id: TenantId, amount_minor: int) -> None:
    """Money leaves a merchant's wallet."""
    wallet = Owner(tenant_id, None, AccountKind.WALLET, "CNY")
    clearing = Owner(None, None, AccountKind.GATEWAY_CLEARING, "CNY")
    async with governing(SYSTEM) as tx:
        await ledger.post(tx, [NewTransfer(wallet, clearing, amount_minor, Purpose.PAY_OUT, None)])
