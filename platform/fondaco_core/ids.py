"""Typed ids. A row's id is a UUID of version 7 (RFC 9562, 5.7): it sorts by time, so that indexes grow at one end."""

import os
import secrets
import time
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
PlanId = NewType("PlanId", UUID)
UserId = NewType("UserId", UUID)
MemberId = NewType("MemberId", UUID)
ApiClientId = NewType("ApiClientId", UUID)
SessionId = NewType("SessionId", UUID)
BreakGlassId = NewType("BreakGlassId", UUID)
CustomerId = NewType("CustomerId", UUID)
EntitlementId = NewType("EntitlementId", UUID)
StoreId = NewType("StoreId", UUID)
ListingId = NewType("ListingId", UUID)
SourceId = NewType("SourceId", UUID)
PoolId = NewType("PoolId", UUID)
TierId = NewType("TierId", UUID)
AgreementId = NewType("AgreementId", UUID)
SupplyInvitationId = NewType("SupplyInvitationId", UUID)
OfferId = NewType("OfferId", UUID)
RouteId = NewType("RouteId", UUID)
BatchId = NewType("BatchId", UUID)
CodeId = NewType("CodeId", UUID)
UploadId = NewType("UploadId", UUID)
OrderId = NewType("OrderId", UUID)
OrderLineId = NewType("OrderLineId", UUID)
AllocationId = NewType("AllocationId", UUID)
HopId = NewType("HopId", UUID)
AccountId = NewType("AccountId", UUID)
TransferId = NewType("TransferId", UUID)
LinkId = NewType("LinkId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
GatewayId = NewType("GatewayId", UUID)
PaymentId = NewType("PaymentId", UUID)
PaymentRefundId = NewType("PaymentRefundId", UUID)
WebhookEndpointId = NewType("WebhookEndpointId", UUID)
WebhookMessageId = NewType("WebhookMessageId", UUID)
DestinationId = NewType("DestinationId", UUID)
WithdrawalId = NewType("WithdrawalId", UUID)

# 32 symbols without 0/O and 1/I/L/U look-alikes (Crockford's base 32), for what people read aloud and type.
_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> UUID:
    """A fresh time-ordered id: 48 bits of milliseconds, 12 of their fraction, 62 random bits (RFC 9562, 6.2, method 3).

    The fraction keeps what one request writes within a millisecond in its order, the audit log above all.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    rand = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | rand)


def new_public_code(prefix: str, *, length: int = 12) -> str:
    """A short, unguessable, speakable name such as `FD-7K2M-9QXA-4TBC`; 5 random bits a symbol."""
    assert length % 4 == 0
    symbols = "".join(secrets.choice(_SYMBOLS) for _ in range(length))
    return "-".join([prefix, *(symbols[i : i + 4] for i in range(0, length, 4))])


def new_ordered_code(prefix: str) -> str:
    """The same for what is numbered by the million: `LT-06EY-3K9P-X4QD-7M2C` begins with its time, so that an index of them grows at its end.

    Nine symbols are milliseconds, seven are random: nobody guesses one, and no two are alike.
    """
    number = time.time_ns() // 1_000_000 << 35 | secrets.randbits(35)
    symbols = "".join(_SYMBOLS[number >> shift & 31] for shift in range(75, -1, -5))
    return "-".join([prefix, *(symbols[i : i + 4] for i in range(0, 16, 4))])
