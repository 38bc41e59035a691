"""What a withdrawal goes through, and what may be asked for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.money import Money
from fondaco_tenants.settlement.errors_withdrawals import TooLittleToWithdraw


class WithdrawalState(StrEnum):
    """Where a withdrawal is. Its money is set aside while it is REQUESTED or APPROVED."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    PAID = "PAID"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"


class Act(StrEnum):
    """What is done to a withdrawal after it was asked for; the word is that of its event and of the log."""

    APPROVE = "approved"
    PAY = "paid"
    REFUSE = "refused"
    CANCEL = "cancelled"


@dataclass(frozen=True, slots=True)
class Step:
    """From which states an act leads to which."""

    of: frozenset[WithdrawalState]
    to: WithdrawalState


STEPS: Final[Mapping[Act, Step]] = {
    Act.APPROVE: Step(frozenset({WithdrawalState.REQUESTED}), WithdrawalState.APPROVED),
    Act.PAY: Step(frozenset({WithdrawalState.APPROVED}), WithdrawalState.PAID),
    # Also what was approved: banks send money back.
    Act.REFUSE: Step(frozenset({WithdrawalState.REQUESTED, WithdrawalState.APPROVED}), WithdrawalState.REFUSED),
    Act.CANCEL: Step(frozenset({WithdrawalState.REQUESTED}), WithdrawalState.CANCELLED),
}
OPEN: Final = frozenset({WithdrawalState.REQUESTED, WithdrawalState.APPROVED})


class DestinationKind(StrEnum):
    """What kind of account money is paid out to."""

    BANK = "BANK"
    ALIPAY = "ALIPAY"
    WECHAT_PAY = "WECHAT_PAY"
    PAYPAL = "PAYPAL"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Payee:
    """Who is paid, and where: what stands sealed in a destination."""

    holder: str
    reference: str
    institution: str

    def __repr__(self) -> str:
        return "Payee(…)"


def checked_payee(*, holder: str, reference: str, institution: str) -> Payee:
    """What was typed, without spaces around; Invalid when a part is missing, too long or holds what no bank takes."""
    parts = {"holder": holder, "reference": reference, "institution": institution}
    plain = {name: " ".join(text.split()) for name, text in parts.items()}
    for name, text in plain.items():
        if (not text and name != "institution") or len(text) > limits.DESTINATION_CHARS_MAX or not text.isprintable():
            raise Invalid(
                f"Give 1 to {limits.DESTINATION_CHARS_MAX} printable characters.",
                zh=f"请填写 1 至 {limits.DESTINATION_CHARS_MAX} 个可见字符。", path=(name,),
            )  # fmt: skip
    return Payee(**plain)


def checked_bank_reference(text: str) -> str:
    """A bank's number of a transfer, without spaces around; Invalid when it is none."""
    reference = text.strip()
    if not 0 < len(reference) <= limits.BANK_REFERENCE_CHARS_MAX or not reference.isprintable():
        raise Invalid(
            f"Give the bank's number of the transfer, at most {limits.BANK_REFERENCE_CHARS_MAX} characters.",
            zh=f"请填写银行流水号，最多 {limits.BANK_REFERENCE_CHARS_MAX} 个字符。", path=("bank_reference",),
        )  # fmt: skip
    return reference


def masked_reference(reference: str) -> str:
    """The last characters of a reference, at most a third of it, so that its owner knows it again."""
    shown = min(limits.DESTINATION_CHARS_SHOWN, len(reference) // 3)
    return "****" + reference[len(reference) - shown :]


def to_withdraw_minor(*, available_minor: int, posted_minor: int, pending_minor: int, owed_minor: int) -> int:
    """What of a wallet may be paid out: its own money, no credit, and not what is still to be given back for refunds."""
    return max(0, min(available_minor, posted_minor - pending_minor) + min(0, owed_minor))


def check_amount(amount: Money) -> None:
    """Raises TooLittleToWithdraw for less than is worth a transfer, Invalid for more than any transfer moves."""
    if amount.amount_minor < limits.WITHDRAWAL_MIN_MINOR:
        raise TooLittleToWithdraw(Money(limits.WITHDRAWAL_MIN_MINOR, amount.currency))
    if amount.amount_minor > limits.AMOUNT_MAX_MINOR:
        raise Invalid("The amount is too large.", zh="金额过大。", path=("amount",))


def asked_themselves(asker_id: UUID | None, requested_by: UUID | None) -> bool:
    """Whether somebody would decide about what they asked for."""
    return asker_id is None or asker_id == requested_by
