"""Any history of posting, holding, resolving and rolling up sums to zero, keeps every floor and replays to the same balances."""

from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading
from fondaco_core.errors import Bug
from fondaco_core.ids import CustomerId, TenantId, TransferId
from fondaco_core.ledger import accounts, balances, hold, post, post_held, roll_up, statement, void_held
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose

pytestmark = pytest.mark.usefixtures("database")

WALLETS, FUNDS = 3, 1_000
PAGE = 500

ACCOUNT = st.integers(0, WALLETS)  # The last one is the merchant's receivable.
MOVE = st.tuples(ACCOUNT, ACCOUNT, st.integers(1, FUNDS)).filter(lambda move: move[0] != move[1])
STEP = st.one_of(
    st.tuples(st.sampled_from(["post", "hold"]), st.lists(MOVE, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["post_held", "void_held"]), st.integers(0, 5)),
    st.tuples(st.just("roll_up"), st.none()),
)


@dataclass
class Book:
    """What the balances must be, kept by the simplest means there are."""

    ctx: Ctx
    owners: list[Owner]
    posted: Counter[Owner]
    held: dict[TransferId, NewTransfer] = field(default_factory=dict)
    resolved: list[TransferId] = field(default_factory=list)

    def set_aside(self, owner: Owner) -> int:
        """What an owner's pending transfers would take."""
        return sum(each.amount_minor for each in self.held.values() if each.debit == owner)

    def bears(self, transfers: list[NewTransfer], *, at_once: bool) -> bool:
        """Whether no wallet would pass its floor. What comes in counts at once when it is posted, and not when it is held."""
        change: Counter[Owner] = Counter()
        for each in transfers:
            change[each.debit] -= each.amount_minor
            change[each.credit] += each.amount_minor * at_once
        return all(self.posted[w] - self.set_aside(w) + change[w] >= 0 for w in self.owners[:WALLETS])

    def move(self, transfers: list[NewTransfer]) -> None:
        """Money goes from debit to credit."""
        for each in transfers:
            self.posted[each.debit] -= each.amount_minor
            self.posted[each.credit] += each.amount_minor


async def open_book() -> Book:
    ctx = system_ctx("test", tenant_id=TenantId(uuid4()))
    wallets = [Owner(ctx.tenant, CustomerId(uuid4()), AccountKind.WALLET, "CNY") for _ in range(WALLETS)]
    owners = [*wallets, Owner(ctx.tenant, None, AccountKind.DEPOSIT, "CNY")]
    clearing = Owner(None, None, AccountKind.GATEWAY_CLEARING, "CNY")
    async with governing(ctx) as tx:
        await post(tx, [NewTransfer(clearing, wallet, FUNDS, Purpose.TOP_UP, None) for wallet in wallets])
    return Book(ctx, owners, Counter(dict.fromkeys(wallets, FUNDS)))


async def write(book: Book, how: str, moves: list[tuple[int, int, int]]) -> None:
    """One step of several transfers: all of them, or none where a wallet could not bear it."""
    transfers = [NewTransfer(book.owners[a], book.owners[b], many, Purpose.SALE, None) for a, b, many in moves]
    if not book.bears(transfers, at_once=how == "post"):
        with pytest.raises(Bug, match="floor"):
            async with trading(book.ctx) as tx:
                await (post if how == "post" else hold)(tx, transfers)
        return
    async with trading(book.ctx) as tx:
        ids = await (post if how == "post" else hold)(tx, transfers)
    if how == "post":
        book.move(transfers)
    else:
        book.held |= dict(zip(ids, transfers, strict=True))


async def resolve(book: Book, how: str, which: int) -> None:
    """A held transfer is resolved; one that was resolved before is not, a second time."""
    act = post_held if how == "post_held" else void_held
    if not book.held:
        for again in book.resolved[-1:]:
            with pytest.raises(Bug, match="resolved before"):
                async with trading(book.ctx) as tx:
                    await act(tx, [again])
        return
    chosen = list(book.held)[which % len(book.held)]
    async with trading(book.ctx) as tx:
        await act(tx, [chosen])
    moved = book.held.pop(chosen)
    book.resolved.append(chosen)
    if how == "post_held":
        book.move([moved])


async def seen(book: Book) -> dict[Owner, tuple[int, int]]:
    """Posted and pending of every account, as the ledger tells them."""
    found = {}
    async with trading(book.ctx) as tx:
        for owner in book.owners:
            of_owner = await balances(tx, tenant_id=owner.tenant_id, customer_id=owner.customer_id)
            found[owner] = next(((b.posted_minor, b.pending_minor) for b in of_owner if b.kind is owner.kind), (0, 0))
    return found


async def replayed(book: Book) -> dict[Owner, int]:
    """The sum of what each account's statement says was posted."""
    async with trading(book.ctx) as tx:
        found = await accounts(tx, book.owners)
        return {
            owner: sum(e.amount_minor for e in await statement(tx, found[owner], count=PAGE) if not e.pending)
            for owner in book.owners
        }


@settings(max_examples=25)
@given(st.lists(STEP, min_size=5, max_size=25))
async def test_any_history_balances_and_replays(steps: list[tuple[str, object]]) -> None:
    book = await open_book()

    for how, given_ in steps:
        if how == "roll_up":
            async with governing(system_ctx("test")) as tx:
                await roll_up(tx)
        elif isinstance(given_, list):
            await write(book, how, given_)
        else:
            assert isinstance(given_, int)
            await resolve(book, how, given_)

    told = await seen(book)
    assert {owner: posted for owner, (posted, _) in told.items()} == {
        owner: book.posted[owner] for owner in book.owners
    }
    assert {w: told[w][1] for w in book.owners[:WALLETS]} == {w: book.set_aside(w) for w in book.owners[:WALLETS]}
    assert await replayed(book) == {owner: book.posted[owner] for owner in book.owners}
    assert sum(posted for posted, _ in told.values()) == WALLETS * FUNDS
