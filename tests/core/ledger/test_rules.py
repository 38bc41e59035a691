"""What transfers take out of wallets, and whether the wallets can bear it."""

from uuid import uuid4

import pytest

from fondaco_core.ids import TenantId
from fondaco_core.ledger import InsufficientFunds, check_affordable, wallets_debited
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose


def make_owner(kind: AccountKind = AccountKind.WALLET) -> Owner:
    return Owner(TenantId(uuid4()), None, kind, "CNY")


def test_a_wallet_pays_the_sum_of_its_transfers_and_other_accounts_are_not_asked() -> None:
    wallet, other, receivable = make_owner(), make_owner(), make_owner(AccountKind.RECEIVABLE)
    transfers = [
        NewTransfer(wallet, receivable, 70, Purpose.SALE, None),
        NewTransfer(wallet, other, 50, Purpose.SALE, None),
        NewTransfer(receivable, other, 7, Purpose.FEE, None),
    ]

    debited = wallets_debited(transfers)

    assert debited == {wallet: 120}


def test_two_transfers_that_a_wallet_can_bear_each_but_not_both_are_refused_together() -> None:
    wallet = make_owner()

    with pytest.raises(InsufficientFunds) as refusal:
        check_affordable({wallet: 120}, {wallet: 100})

    assert (refusal.value.asked, refusal.value.available) == (Money(120, "CNY"), Money(100, "CNY"))


def test_a_wallet_may_be_emptied() -> None:
    wallet = make_owner()

    check_affordable({wallet: 100}, {wallet: 100})
