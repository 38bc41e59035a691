"""Tables of routing: where listings and offers are filled from, and the paths through the merchants that follow from it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded


class ListingWatch(TenantOwned):
    """What was last announced of what buyers can buy of a listing, so that each crossing is announced once."""

    __tablename__ = "listing_watch"
    __table_args__ = (
        CheckConstraint("band IN ('ENOUGH', 'LOW', 'OUT')", name="band"),
        {"info": guarded(tenant="SELECT", trade_grant="", platform="SELECT, INSERT, UPDATE")},
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listing.id"), primary_key=True)
    band: Mapped[str]
    changed_at: Mapped[datetime]


class StockTold(TenantOwned):
    """What a merchant's systems were last told of the stock of one thing, so that each change is told once."""

    __tablename__ = "stock_told"
    __table_args__ = (
        PrimaryKeyConstraint("tenant_id", "subject_id"),
        {"info": guarded(tenant="SELECT", trade_grant="", platform="SELECT, INSERT, UPDATE")},
    )

    # Of an own listing, or of a supplier's offer.
    subject_id: Mapped[UUID]
    # A number, a class, or whether there is any: as much as it is told.
    said: Mapped[str]
    told_at: Mapped[datetime]


class ResaleBreach(Base):
    """A listing that is on sale for less than the supplier of an offer allows that fills it; told once to both."""

    __tablename__ = "resale_breach"
    __table_args__ = (
        CheckConstraint("asked_minor < least_minor", name="asked"),
        Index(
            "uq_resale_breach_open", "offer_id", "listing_id", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
        Index("ix_resale_breach_supplier_tenant_id", "supplier_tenant_id", "id"),
        {
            "info": guarded(
                kind="shared",
                parties=("supplier_tenant_id", "reseller_tenant_id"),
                tenant="SELECT",
                trade_grant="",
                platform="SELECT, INSERT, UPDATE",
                reason="a supplier and its reseller; found by one job over all stores",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supplier_tenant_id: Mapped[UUID]
    reseller_tenant_id: Mapped[UUID]
    offer_id: Mapped[UUID]
    listing_id: Mapped[UUID]
    # What the listing asked for a unit when it was found, and the least that the offer allowed.
    asked_minor: Mapped[int]
    least_minor: Mapped[int]
    currency: Mapped[str]
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Source(TenantOwned):
    """One place that a listing, or an offer to resellers, can be filled from: an own pool, or a supplier's offer."""

    __tablename__ = "source"
    __table_args__ = (
        CheckConstraint("kind IN ('POOL', 'OFFER')", name="kind"),
        CheckConstraint("(listing_id IS NULL) <> (offer_id IS NULL)", name="head"),
        CheckConstraint("(kind = 'POOL') = (pool_id IS NOT NULL) AND (kind = 'OFFER') = (supplier_offer_id IS NOT NULL)", name="leaf"),
        CheckConstraint("supplier_offer_id <> offer_id", name="itself"),
        CheckConstraint("max_cost_minor >= 0", name="max_cost"),
        CheckConstraint("state IN ('ACTIVE', 'PAUSED', 'PROBING')", name="state"),
        CheckConstraint("paused_for IN ('BAD_CODES', 'STOCK_OUTS', 'UNREADABLE', 'PERSON')", name="paused_for"),
        CheckConstraint("(state = 'ACTIVE') = (paused_for IS NULL) AND (state = 'PAUSED' OR paused_until IS NULL)", name="paused"),
        CheckConstraint("strikes >= 0 AND probe_units >= 0", name="probe"),
        UniqueConstraint("listing_id", "pool_id"),
        UniqueConstraint("listing_id", "supplier_offer_id"),
        UniqueConstraint("offer_id", "pool_id"),
        UniqueConstraint("offer_id", "supplier_offer_id"),
        Index("ix_source_pool_id", "pool_id"),
        Index("ix_source_supplier_offer_id", "supplier_offer_id", postgresql_where=text("supplier_offer_id IS NOT NULL")),
        Index("ix_source_paused", "id", postgresql_where=text("state <> 'ACTIVE'")),
        {
            "info": guarded(
                tenant="SELECT, INSERT, UPDATE, DELETE", trade=True, trade_grant="SELECT, UPDATE (probe_units, probed_at)",
                platform="SELECT, UPDATE (state, paused_for, pause_note, state_since, paused_until, strikes, probe_units, probed_at)",
                reason="a merchant's own list, which it may shorten; trading reads those of every hop of a chain, and a job pauses what fails",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # What is filled: one of these two.
    listing_id: Mapped[UUID | None] = mapped_column(ForeignKey("listing.id"))
    offer_id: Mapped[UUID | None] = mapped_column(ForeignKey("offer.id"))
    kind: Mapped[str]
    # What fills it: one of these two.
    pool_id: Mapped[UUID | None] = mapped_column(ForeignKey("code_pool.id"))
    supplier_offer_id: Mapped[UUID | None]
    # Lower goes first.
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    # The most that a unit from a supplier may cost; null: no bound but what it is sold for.
    max_cost_minor: Mapped[int | None]
    # Whether it may be sold for less than the supplier asks, or for less than the margin that is to stay.
    below_cost: Mapped[bool] = mapped_column(server_default=text("false"))
    # Its share where the sources of what it fills take turns by weight.
    weight: Mapped[int] = mapped_column(server_default=text("1"))
    # The most units that come from it on a day; null: no bound.
    day_units_max: Mapped[int | None]
    # How what it fills orders its sources, and the margin that is to stay: copies of what RoutingPolicy says, so that an order reads it
    # with the source.
    policy: Mapped[str] = mapped_column(server_default=text("'PRIORITY'"))
    points: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{}'"))
    margin_bps: Mapped[int] = mapped_column(server_default=text("0"))
    margin_minor: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    # What fails is PAUSED for a while, then PROBING with a few units, and ACTIVE again when these are good.
    state: Mapped[str] = mapped_column(server_default=text("'ACTIVE'"))
    paused_for: Mapped[str | None]
    # The reason that a person gave.
    pause_note: Mapped[str | None]
    state_since: Mapped[datetime | None]
    # Null for what a person paused: until a person resumes it.
    paused_until: Mapped[datetime | None]
    # How often it was paused by itself of late; each pause is twice as long as the one before.
    strikes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # Units that went over it since it is being probed, and when the last ones did.
    probe_units: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    probed_at: Mapped[datetime | None]


class SourceUse(TenantOwned):
    """What came from a source that is bounded by day, or that takes turns with others; counted by the orders themselves."""

    __tablename__ = "source_use"
    __table_args__ = (
        CheckConstraint("day_units >= 0 AND turn_units >= 0", name="counted"),
        {
            "info": guarded(
                tenant="SELECT, INSERT, UPDATE, DELETE", trade=True, trade_grant="SELECT, UPDATE",
                reason="trading counts at every hop; it goes with its source",
            )
        },
    )  # fmt: skip

    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    # The units of a day, counted from `day_since` on; those of another day count no more.
    day: Mapped[date] = mapped_column(Date)
    day_units: Mapped[int] = mapped_column(server_default=text("0"))
    day_since: Mapped[datetime]
    # All units since turns began to be counted.
    turn_units: Mapped[int] = mapped_column(server_default=text("0"))
    turn_since: Mapped[datetime]


class RoutingPolicy(TenantOwned):
    """How a merchant orders the sources of a listing or an offer, and the margin that is to stay; without either, of all of its own."""

    __tablename__ = "routing_policy"
    __table_args__ = (
        CheckConstraint("listing_id IS NULL OR offer_id IS NULL", name="head"),
        CheckConstraint("policy IN ('PRIORITY', 'CHEAPEST', 'HEALTHIEST', 'FIRST_EXPIRING', 'WEIGHTED', 'SCORE')", name="policy"),
        CheckConstraint("cardinality(points) = CASE WHEN policy = 'SCORE' THEN 4 ELSE 0 END", name="points"),
        CheckConstraint("margin_bps BETWEEN 0 AND 10000 AND margin_minor >= 0", name="margin"),
        UniqueConstraint("tenant_id", "listing_id", "offer_id", postgresql_nulls_not_distinct=True),
        {"info": guarded(trade_grant="")},
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    listing_id: Mapped[UUID | None]
    offer_id: Mapped[UUID | None]
    # Null: as the merchant's own default says.
    policy: Mapped[str | None]
    # What a minor unit of cost, a point of health that is missing, a day until expiry and a step of priority count.
    points: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{}'"))
    margin_bps: Mapped[int | None]
    margin_minor: Mapped[int | None]
    changed_at: Mapped[datetime]


class Route(Base):
    """A path from an offer down to a pool: the flattened supply graph, so that routing is one indexed read.

    It knows only what leads where. Whether each step is open, to whom and at which price is joined when it is read, so that
    a change of these needs no change here, and a step that is gone closes every path over it at once.
    """

    __tablename__ = "route"
    __table_args__ = (
        Index("ix_route_offer_id", "offer_id"),
        CheckConstraint("cardinality(offer_ids) = cardinality(source_ids)", name="steps"),
        {
            "info": guarded(
                kind="global", tenant="", trade_grant="SELECT, INSERT, DELETE", platform="SELECT",
                reason="it is of every merchant on the path, none of whom may see beyond its neighbour: only trading reads it",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # The offer that it begins at, which is the first of `offer_ids`.
    offer_id: Mapped[UUID]
    # Step by step down to the leaf: the offer, whose it is, and the source by which it goes on; the last one's is the pool's.
    offer_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    seller_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    source_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    pool_id: Mapped[UUID]
    # The priorities of its sources, step by step: where it stands among the routes of its offer.
    place: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    # The same with every step's source behind its priority, so that no two steps tie: what it is ordered by, unless one of its
    # merchants orders its sources by something that changes.
    rank: Mapped[bytes] = mapped_column(server_default=text("''"))
    by_rule: Mapped[bool] = mapped_column(server_default=text("false"))


class RouteDue(Base):
    """An offer whose routes have to be worked out again, since what it or one below it is filled from has changed."""

    __tablename__ = "route_due"
    __table_args__ = (
        {
            "info": guarded(
                kind="global", tenant="INSERT", trade_grant="SELECT, INSERT, DELETE", platform="SELECT",
                reason="a list of work, which goes when it is done; whoever changes a source puts its offer on it",
            )
        },
    )  # fmt: skip

    # The same offer may stand here several times: whoever puts it here reads nothing, and waits for nobody.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID]
    since: Mapped[datetime]
