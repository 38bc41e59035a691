"""Facts that orders announce."""

from dataclasses import dataclass
from typing import ClassVar

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class OrderPlaced(Event):
    """An order was placed; it is paid and fulfilled already when `state` says so."""

    name: ClassVar[str] = "order.placed"
    order_id: str
    state: str


@dataclass(frozen=True, slots=True)
class OrderFulfilled(Event):
    """Every unit of an order has its code."""

    name: ClassVar[str] = "order.fulfilled"
    order_id: str


@dataclass(frozen=True, slots=True)
class OrderClosed(Event):
    """An unpaid order ended: CANCELLED or EXPIRED. Its stock is free again."""

    name: ClassVar[str] = "order.closed"
    order_id: str
    state: str


@dataclass(frozen=True, slots=True)
class LookUpAsked(Event):
    """A guest asked to be written of an order; `order_id` is None when there is none that fits, and nobody is written to."""

    name: ClassVar[str] = "order.look_up_asked"
    order_id: str | None
    locale: str


@dataclass(frozen=True, slots=True)
class ExportRequested(Event):
    """A file of orders is to be written: the worker's cue."""

    name: ClassVar[str] = "order_export.requested"
    export_id: str


@dataclass(frozen=True, slots=True)
class GiftReturned(Event):
    """A buyer took a gift back that nobody had opened; what was sent to its recipient opens no more."""

    name: ClassVar[str] = "gift.taken_back"
    order_id: str


@dataclass(frozen=True, slots=True)
class UnitReplaced(Event):
    """A unit whose code was bad has another one; `seen` says whether its buyer had seen the bad one."""

    name: ClassVar[str] = "unit.replaced"
    order_id: str
    allocation_id: str
    failed_id: str
    attempt: int
    seen: bool


@dataclass(frozen=True, slots=True)
class UnitFailed(Event):
    """A unit's code is bad and support should look: it WAITS for stock, its order was CANCELLED, or the code was SEEN."""

    name: ClassVar[str] = "unit.failed"
    order_id: str
    allocation_id: str
    became: str


@dataclass(frozen=True, slots=True)
class OrderRefunded(Event):
    """Units of an order were refunded."""

    name: ClassVar[str] = "order.refunded"
    order_id: str
    refund_id: str
    units: int


@dataclass(frozen=True, slots=True)
class SupplySold(Event):
    """A merchant sold units of an offer to a reseller, and they are paid; told to the seller."""

    name: ClassVar[str] = "supply.sold"
    hop_id: str
    offer_id: str
    units: int
    # The public number by which both of them know these units.
    lot: str
