"""Refusals are sentences for people, in both languages: no name of a state as programs write it stands in them."""

import re

import pytest

from fondaco_core.errors import Refusal
from fondaco_core.ids import OrderId, new_id
from fondaco_core.tenancy import TenantNotActive, TenantState, WrongTenantState
from fondaco_tenants.catalog import ListingInWrongState, ListingState
from fondaco_tenants.codes import CodesInWrongState, CodeState
from fondaco_tenants.orders import ExportNotReady, ExportState, OrderNotOpen, OrderState
from fondaco_tenants.payments import RefundNotRefused, RefundState
from fondaco_tenants.settlement import WithdrawalInWrongState, WithdrawalState
from fondaco_tenants.supply import AgreementInWrongState, AgreementState, OfferInWrongState, OfferState

ORDER = OrderId(new_id())
REFUSALS: list[Refusal] = [
    *(
        ListingInWrongState(before, wanted=after)
        for before in ListingState
        for after in [*ListingState, "changed"]
        if after is not ListingState.DRAFT
    ),
    *(AgreementInWrongState(state) for state in AgreementState),
    *(OfferInWrongState(before, wanted=after) for before in OfferState for after in OfferState if after != "DRAFT"),
    *(OrderNotOpen(ORDER, state=state) for state in OrderState),
    *(ExportNotReady(state) for state in ExportState),
    *(RefundNotRefused(state) for state in RefundState),
    *(WithdrawalInWrongState(state) for state in WithdrawalState),
    *(CodesInWrongState(3, state) for state in (CodeState.AVAILABLE, CodeState.QUARANTINED, CodeState.VOID)),
    *(TenantNotActive(state) for state in TenantState if state is not TenantState.ACTIVE),
    *(
        WrongTenantState(before, after)
        for before in TenantState
        for after in TenantState
        if after is not TenantState.APPLIED
    ),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal.code} {refusal.message[:60]}")
def test_a_refusal_speaks_of_states_in_words(refusal: Refusal) -> None:
    assert not re.search(r"\b[A-Z]{4,}(_[A-Z]+)*\b", refusal.message)
    assert not re.search(r"[A-Z]{4,}", refusal.message_zh)
    assert not refusal.message_zh.isascii()
