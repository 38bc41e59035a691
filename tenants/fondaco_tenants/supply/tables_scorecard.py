"""Tables of scorecards: what offers did day by day, what went wrong with them, and how healthy they are."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded

_SEEN = "EXISTS (SELECT FROM offer o WHERE o.id = {table}.offer_id)"
_REASON = "whoever may see an offer sees how it does, and nothing of what stands behind it"


class OfferHealth(TenantOwned):
    """How healthy an offer is, from 0 to 1000. One that nobody has bought from yet has no row, and is neither good nor bad."""

    __tablename__ = "offer_health"
    __table_args__ = (
        CheckConstraint("health BETWEEN 0 AND 1000", name="health"),
        Index("ix_offer_health_reckoned_on", "reckoned_on"),
        {
            "info": guarded(
                tenant="SELECT", also=_SEEN.format(table="offer_health"), trade=True, trade_grant="SELECT",
                platform="SELECT, INSERT, UPDATE, DELETE", reason=_REASON,
            )
        },
    )  # fmt: skip

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"), primary_key=True)
    health: Mapped[int] = mapped_column(Integer)
    # Up to which day it looks back from; one that nothing happens to is worked out again every day.
    reckoned_on: Mapped[date] = mapped_column(Date)


class OfferScoreDay(TenantOwned):
    """What an offer did on one day, by UTC: sums that only grow, so that each fact is added once and in any order."""

    __tablename__ = "offer_score_day"
    __table_args__ = (
        PrimaryKeyConstraint("offer_id", "day"),
        CheckConstraint(
            "orders >= 0 AND short_orders >= 0 AND filled_units >= 0 AND short_units >= 0 AND bad_units >= 0 AND pauses >= 0",
            name="sums",
        ),
        {
            "info": guarded(
                tenant="SELECT", also=_SEEN.format(table="offer_score_day"), trade_grant="",
                platform="SELECT, INSERT, UPDATE, DELETE", reason=_REASON,
            )
        },
    )  # fmt: skip

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"))
    day: Mapped[date] = mapped_column(Date)
    # Sales, and how often an order stood that it could not fill as far as it should have.
    orders: Mapped[int] = mapped_column(server_default=text("0"))
    short_orders: Mapped[int] = mapped_column(server_default=text("0"))
    filled_units: Mapped[int] = mapped_column(server_default=text("0"))
    short_units: Mapped[int] = mapped_column(server_default=text("0"))
    bad_units: Mapped[int] = mapped_column(server_default=text("0"))
    # How often a reseller's source was paused by itself because of it.
    pauses: Mapped[int] = mapped_column(server_default=text("0"))


class OfferTimeDay(TenantOwned):
    """How many units of an offer took how long to be delivered on one day: counts in buckets, each twice as wide as the one before."""

    __tablename__ = "offer_time_day"
    __table_args__ = (
        PrimaryKeyConstraint("offer_id", "day", "bucket"),
        CheckConstraint("units >= 0 AND bucket BETWEEN 0 AND 62", name="units"),
        {
            "info": guarded(
                tenant="SELECT", also=_SEEN.format(table="offer_time_day"), trade_grant="",
                platform="SELECT, INSERT, UPDATE, DELETE", reason=_REASON,
            )
        },
    )  # fmt: skip

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"))
    day: Mapped[date] = mapped_column(Date)
    # Bucket n holds what took at most 2^n milliseconds, and longer than the bucket before it says.
    bucket: Mapped[int] = mapped_column(Integer)
    units: Mapped[int]


class SupplyTrouble(TenantOwned):
    """Something that went wrong with one source of a merchant: written where it happens, counted once by a job.

    It belongs to the merchant whose source it is. What went well needs no row here: sales are counted from what was sold.
    """

    __tablename__ = "supply_trouble"
    __table_args__ = (
        CheckConstraint("kind IN ('SHORT', 'BAD', 'LATE', 'UNREADABLE', 'PAUSED')", name="kind"),
        CheckConstraint("units > 0 AND (kind = 'LATE') = (took_ms IS NOT NULL)", name="units"),
        Index("ix_supply_trouble_uncounted", "id", postgresql_where=text("NOT counted")),
        Index("ix_supply_trouble_source_id", "source_id", "at"),
        {
            "info": guarded(
                tenant="", trade=True, trade_grant="INSERT", platform="SELECT, INSERT, UPDATE (counted), DELETE",
                reason="trading writes down what went wrong at every hop; only a job reads it, and forgets it after a while",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID]
    # The supplier's offer that the source leads to; null for an own pool.
    offer_id: Mapped[UUID | None]
    kind: Mapped[str]
    units: Mapped[int] = mapped_column(Integer)
    # How long a unit took that did not come at once.
    took_ms: Mapped[int | None]
    at: Mapped[datetime]
    counted: Mapped[bool] = mapped_column(server_default=text("false"))
