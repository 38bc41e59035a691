"""What a merchant has, is to get and when, in each currency."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fondaco_core import clock, ledger, limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants.settlement import rules_withdrawals as rules
from fondaco_tenants.settlement import store_summary as store
from fondaco_tenants.settlement import store_withdrawals


@dataclass(frozen=True, slots=True)
class Due:
    """What becomes due on a day (UTC), net of what was given back of it."""

    day: date
    amount: Money


@dataclass(frozen=True, slots=True)
class Summary:
    """A merchant's money in one currency.

    available     what may be paid out now
    receivable    what it earned and was not settled yet, also what is owed to it
    carried       what the last payout left for the next one; negative when the merchant is to give something back
    withdrawing   what is set aside for withdrawals
    due           what becomes due in the next days; what is overdue stands under today
    """

    currency: str
    available: Money
    receivable: Money
    carried: Money
    withdrawing: Money
    due: Sequence[Due]


async def settlement_summary(tx: Tx, ctx: Ctx) -> list[Summary]:
    """The merchant's money, a summary for each currency that it has an account in."""
    ctx.require("wallets.read")
    now = clock.now()
    accounts = {(each.currency, each.kind): each for each in await ledger.balances(tx, tenant_id=ctx.tenant)}
    carried = {row["currency"]: row["minor"] for row in await tx.fetch(store.CARRIED, ctx.tenant)}
    owed = {row["currency"]: row["minor"] for row in await tx.fetch(store_withdrawals.OWED, ctx.tenant, now)}
    withdrawing = {row["currency"]: row["minor"] for row in await tx.fetch(store.WITHDRAWING, ctx.tenant)}
    due: dict[str, list[Due]] = defaultdict(list)
    for row in await tx.fetch(store.DUE, ctx.tenant, now, now + timedelta(days=limits.DUE_DAYS_SHOWN)):
        due[row["currency"]].append(Due(row["day"], Money(row["minor"], row["currency"])))
    made = []
    for currency in sorted({currency for currency, _ in accounts}):
        wallet = accounts.get((currency, AccountKind.WALLET))
        receivable = accounts.get((currency, AccountKind.RECEIVABLE))
        kept = carried.get(currency, 0)
        available = 0 if wallet is None else rules.to_withdraw_minor(
            available_minor=wallet.available_minor, posted_minor=wallet.posted_minor, pending_minor=wallet.pending_minor,
            owed_minor=owed.get(currency, 0),
        )  # fmt: skip
        made.append(
            Summary(
                currency=currency, available=Money(available, currency),
                receivable=Money(0 if receivable is None else receivable.posted_minor, currency),
                carried=Money(kept, currency), withdrawing=Money(withdrawing.get(currency, 0), currency), due=due[currency],
            )
        )  # fmt: skip
    return made
