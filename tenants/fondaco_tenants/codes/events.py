"""Facts that codes announces: ids and counts, never a code."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class ImportRequested(Event):
    """An upload is to be imported: the worker's cue."""

    name: ClassVar[str] = "batch.requested"

    batch_id: UUID
    pool_id: UUID


@dataclass(frozen=True, slots=True)
class BatchImported(Event):
    """An import is done; its counts are final."""

    name: ClassVar[str] = "batch.imported"

    batch_id: UUID
    pool_id: UUID
    accepted: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class BatchUndone(Event):
    """An import was undone: its codes left the stock unsold."""

    name: ClassVar[str] = "batch.undone"

    batch_id: UUID
    pool_id: UUID
    codes: int


@dataclass(frozen=True, slots=True)
class CodesCollided(Event):
    """Codes came that another merchant has: for the platform alone, the importer never learns of it."""

    name: ClassVar[str] = "code.collided"

    batch_id: UUID
    code_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class CodesProbed(Event):
    """Dry runs of a merchant came upon more codes of others than they are told of: for the platform alone."""

    name: ClassVar[str] = "code.probed"

    hits: int
    since: datetime


@dataclass(frozen=True, slots=True)
class CodesWithdrawn(Event):
    """Codes that orders have were taken out of the vault: orders swap what no buyer has seen yet."""

    name: ClassVar[str] = "code.withdrawn"

    code_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class CodesRevealed(Event):
    """Codes were shown: through which door, to what kind of asker, and how many. What was shown is nobody's to be told."""

    name: ClassVar[str] = "code.revealed"

    via: str
    actor_kind: str
    actor_id: UUID | None
    order_id: UUID | None
    link_id: UUID | None
    units: int


@dataclass(frozen=True, slots=True)
class StockLow(Event):
    """A pool has so little left that its merchant wants to be told; announced once, until there was clearly more again."""

    name: ClassVar[str] = "stock.low"

    pool_id: UUID
    entitlement_id: UUID
    available: int
    low_stock_at: int


@dataclass(frozen=True, slots=True)
class StockOut(Event):
    """A pool has nothing left to sell."""

    name: ClassVar[str] = "stock.out"

    pool_id: UUID
    entitlement_id: UUID


@dataclass(frozen=True, slots=True)
class StockBack(Event):
    """A pool that had nothing has something again, or one that had little has enough; `band` says which."""

    name: ClassVar[str] = "stock.back"

    pool_id: UUID
    entitlement_id: UUID
    band: str


@dataclass(frozen=True, slots=True)
class BatchExpiring(Event):
    """Codes of an import that are in stock expire within so many days; once for each number of days."""

    name: ClassVar[str] = "batch.expiring"

    batch_id: UUID
    pool_id: UUID
    days: int
    codes: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CodesRequested(Event):
    """Codes of a merchant's own making are to be made: the worker's cue."""

    name: ClassVar[str] = "codes.requested"

    batch_id: UUID
    pool_id: UUID


@dataclass(frozen=True, slots=True)
class CodeRedeemed(Event):
    """A code of a merchant's own making was redeemed."""

    name: ClassVar[str] = "code.redeemed"

    redemption_id: UUID
    code_id: UUID


@dataclass(frozen=True, slots=True)
class RedemptionReversed(Event):
    """A redemption was taken back: the code can be redeemed again."""

    name: ClassVar[str] = "redemption.reversed"

    redemption_id: UUID
    code_id: UUID


@dataclass(frozen=True, slots=True)
class RedemptionAlarm(Event):
    """Somebody shows codes that do not exist, one after the other, and was shut out for a while."""

    name: ClassVar[str] = "redemption.alarm"

    actor_kind: str
    actor_id: UUID | None
    misses: int
    window_s: int


@dataclass(frozen=True, slots=True)
class StockExported(Event):
    """Unsold codes were taken out of sale and given to their owner, encrypted."""

    name: ClassVar[str] = "stock.exported"

    export_id: UUID
    pool_id: UUID
    codes: int
