"""Pure decisions of the ledger: who can afford what."""

from collections.abc import Mapping, Sequence

from fondaco_core.postings import Owner


def affordable(available: Mapping[Owner, int], wants: Sequence[tuple[Owner, int]]) -> list[bool]:
    """Which of these debits, in their order, the accounts can bear; one that can not leaves the money to the next."""
    left = dict(available)
    verdicts: list[bool] = []
    for account, amount_minor in wants:
        assert amount_minor >= 0
        fits = left[account] >= amount_minor
        if fits:
            left[account] -= amount_minor
        verdicts.append(fits)
    return verdicts
