"""Pure decisions of the ledger: what transfers take out of wallets, and whether the wallets can bear it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from fondaco_core.ledger.errors import InsufficientFunds
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner


def wallets_debited(transfers: Sequence[NewTransfer]) -> Counter[Owner]:
    """Which wallets pay, and how much each of them over all these transfers."""
    debited: Counter[Owner] = Counter()
    for transfer in transfers:
        if transfer.debit.kind is AccountKind.WALLET:
            debited[transfer.debit] += transfer.amount_minor
    return debited


def check_affordable(debited: Mapping[Owner, int], available: Mapping[Owner, int]) -> None:
    """Refuses with InsufficientFunds when a wallet has less than what is to be taken out of it."""
    for wallet, asked_minor in debited.items():
        if available[wallet] < asked_minor:
            raise InsufficientFunds(
                asked=Money(asked_minor, wallet.currency), available=Money(available[wallet], wallet.currency)
            )
