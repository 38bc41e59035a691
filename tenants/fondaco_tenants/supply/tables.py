"""Tables of supply: tiers with their terms, agreements and what was used of them, invitations, offers with their prices."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Date, ForeignKey, Index, Integer, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded
from fondaco_core.db.isolation import CURRENT_TENANT, SHOWN_TOKEN
from fondaco_tenants.supply import tables_scorecard

# Its tables are known wherever these are.
SCORES = (
    tables_scorecard.OfferHealth, tables_scorecard.OfferScoreDay, tables_scorecard.OfferTimeDay, tables_scorecard.SupplyTrouble,
)  # fmt: skip

# A reseller knows the tier that it is in; anybody the one that newcomers begin in.
_TIER_IS_MINE = (
    "EXISTS (SELECT FROM agreement a WHERE a.tier_id = {tier} AND a.reseller_tenant_id = " + CURRENT_TENANT + ")"
)
# What a tier grants now and is going to is nobody's any more who has left it.
_BEGINS = "EXISTS (SELECT FROM tier t WHERE t.id = tier_terms.tier_id AND t.entry AND t.archived_at IS NULL)"
_IS_IN = f"a.tier_id = tier_terms.tier_id AND a.state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED') AND a.reseller_tenant_id = {CURRENT_TENANT}"
# The market is for merchants alone, and who is no reseller any more is offered nothing; what is drafted is nobody else's.
_RESELLS = f"a.reseller_tenant_id = {CURRENT_TENANT} AND a.state IN ('ACTIVE', 'SUSPENDED')"
# A merchant is known to the market that it offers in, and to those that it has agreements with.
_PARTNER_OF_MINE = (
    f"a.supplier_tenant_id = partner.tenant_id AND a.reseller_tenant_id = {CURRENT_TENANT}"
    f" OR a.reseller_tenant_id = partner.tenant_id AND a.supplier_tenant_id = {CURRENT_TENANT}"
)
_IN_THE_MARKET = (
    "EXISTS (SELECT FROM offer o WHERE o.tenant_id = partner.tenant_id AND o.state = 'PUBLISHED' AND o.in_market)"
)
_OFFERED_TO_ME = (
    f"state = 'PUBLISHED' AND in_market AND {CURRENT_TENANT} IS NOT NULL OR state <> 'DRAFT'"
    f" AND EXISTS (SELECT FROM agreement a WHERE a.supplier_tenant_id = offer.tenant_id AND {_RESELLS})"
)
_OFFER_IS_SEEN = "EXISTS (SELECT FROM offer o WHERE o.id = offer_price.offer_id)"
_FOR_NEWCOMERS = (
    "EXISTS (SELECT FROM tier t JOIN offer o ON o.id = offer_price.offer_id WHERE t.id = offer_price.tier_id"
    " AND t.entry AND t.archived_at IS NULL AND o.state = 'PUBLISHED' AND o.in_market)"
)
_IN_MY_TIER = f"EXISTS (SELECT FROM agreement a WHERE a.tier_id = offer_price.tier_id AND {_RESELLS})"


class Partner(Base):
    """How a merchant presents itself to the merchants that it deals with; begun with its first offer, tier or request."""

    __tablename__ = "partner"
    __table_args__ = (
        Index("uq_partner_look", "look", unique=True),
        {
            "info": guarded(
                also=f"{_IN_THE_MARKET} OR EXISTS (SELECT FROM agreement a WHERE {_PARTNER_OF_MINE})",
                trade_grant="",
                reason="known to the market that it offers in, and to those it has agreements with",
            )
        },
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    # The name as it looks (rules.look_of): no two merchants' look alike; null for one that was there before looks were.
    look: Mapped[str | None]
    about: Mapped[str | None]
    changed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class Tier(TenantOwned):
    """A supplier's level for its resellers. What it grants stands in its terms, which change with time."""

    __tablename__ = "tier"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        # Whoever asks for an agreement without an invitation begins in this one.
        Index("uq_tier_entry", "tenant_id", unique=True, postgresql_where=text("entry AND archived_at IS NULL")),
        {
            "info": guarded(
                also=f"entry AND archived_at IS NULL AND {CURRENT_TENANT} IS NOT NULL OR "
                + _TIER_IS_MINE.format(tier="tier.id"),
                trade_grant="SELECT",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    entry: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class TierTerms(TenantOwned):
    """What a tier grants from a moment on; the latest that has begun holds, and none is ever changed."""

    __tablename__ = "tier_terms"
    __table_args__ = (
        UniqueConstraint("tier_id", "starts_at"),
        CheckConstraint("stock_view IN ('EXACT', 'BANDED', 'HIDDEN')", name="stock_view"),
        CheckConstraint("day_units_max > 0 AND month_units_max > 0 AND hold_units_max >= 0", name="units"),
        CheckConstraint("credit_minor >= 0 AND (credit_minor = 0 OR currency IS NOT NULL)", name="credit"),
        CheckConstraint("settle_days BETWEEN 0 AND 90", name="settle_days"),
        {
            "info": guarded(
                tenant="SELECT, INSERT",
                also=f"{_BEGINS} OR EXISTS (SELECT FROM agreement a WHERE {_IS_IN})",
                trade=True,
                trade_grant="SELECT",
                reason="a tier's resellers see what it grants, and newcomers what they begin with; trading reads that of every hop",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tier_id: Mapped[UUID] = mapped_column(ForeignKey("tier.id"))
    starts_at: Mapped[datetime]
    # How much of the stock behind an offer is told: a number, a band, or only whether there is any.
    stock_view: Mapped[str]
    # Null: no bound.
    day_units_max: Mapped[int | None] = mapped_column(Integer)
    month_units_max: Mapped[int | None] = mapped_column(Integer)
    # Units that one reseller may hold for orders that are not paid yet.
    hold_units_max: Mapped[int | None] = mapped_column(Integer)
    # What a reseller may owe; in one currency.
    credit_minor: Mapped[int]
    currency: Mapped[str | None]
    # How many days after a sale its money is the supplier's own.
    settle_days: Mapped[int] = mapped_column(Integer)
    # What of a sale goes to the merchant that brought the reseller, to the one that brought that, and so on, in basis points.
    commissions: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{}'"))
    created_at: Mapped[datetime]


class Agreement(Base):
    """That a reseller may buy from a supplier, in a tier."""

    __tablename__ = "agreement"
    __table_args__ = (
        CheckConstraint("state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED', 'ENDED', 'DECLINED')", name="state"),
        CheckConstraint("supplier_tenant_id <> reseller_tenant_id", name="two"),
        CheckConstraint("credit_minor >= 0 AND day_units_max > 0", name="overrides"),
        Index(
            "uq_agreement_live", "supplier_tenant_id", "reseller_tenant_id", unique=True,
            postgresql_where=text("state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED')"),
        ),
        Index("ix_agreement_reseller_tenant_id", "reseller_tenant_id", "id"),
        Index("ix_agreement_supplier_tenant_id", "supplier_tenant_id", "id"),
        Index("ix_agreement_tier_id", "tier_id", "reseller_tenant_id"),
        {
            "info": guarded(
                kind="shared",
                parties=("supplier_tenant_id", "reseller_tenant_id"),
                trade=True,
                trade_grant="SELECT",
                reason="a supplier and a reseller; trading reads that of every hop",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    supplier_tenant_id: Mapped[UUID]
    reseller_tenant_id: Mapped[UUID]
    tier_id: Mapped[UUID] = mapped_column(ForeignKey("tier.id"))
    state: Mapped[str]
    # What the reseller wrote when it asked.
    note: Mapped[str | None]
    # In the place of what the tier grants; null for what the tier grants.
    credit_minor: Mapped[int | None]
    day_units_max: Mapped[int | None] = mapped_column(Integer)
    # Who brought the reseller, who brought that one, and so on: resellers of the same supplier.
    referrers: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    # Why it was declined, suspended or ended.
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class AgreementUse(Base):
    """What a reseller has used of an agreement: written by trading alone, under this row's lock."""

    __tablename__ = "agreement_use"
    __table_args__ = (
        CheckConstraint(
            "credit_used_minor >= 0 AND day_units >= 0 AND month_units >= 0 AND held_units >= 0", name="use"
        ),
        {
            "info": guarded(
                kind="shared",
                parties=("supplier_tenant_id", "reseller_tenant_id"),
                tenant="SELECT, INSERT",
                trade=True,
                trade_grant="SELECT, UPDATE",
                reason="a supplier and a reseller; begun with their agreement, counted by trading",
            )
        },
    )

    agreement_id: Mapped[UUID] = mapped_column(ForeignKey("agreement.id"), primary_key=True)
    supplier_tenant_id: Mapped[UUID]
    reseller_tenant_id: Mapped[UUID]
    # What the reseller owes the supplier, in the currency of its terms.
    credit_used_minor: Mapped[int] = mapped_column(server_default=text("0"))
    currency: Mapped[str | None]
    # Units bought on `day` and in the month of `month` (its first day), both by UTC.
    day: Mapped[date] = mapped_column(Date)
    day_units: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    month: Mapped[date] = mapped_column(Date)
    month_units: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # Units of orders that are not paid yet.
    held_units: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # The day (UTC) on which both were last told that something is overdue.
    overdue_told: Mapped[date | None] = mapped_column(Date)


class SupplyInvitation(TenantOwned):
    """A code by which merchants join a supplier's tier without being asked about."""

    __tablename__ = "supply_invitation"
    __table_args__ = (
        CheckConstraint("uses BETWEEN 0 AND uses_max", name="uses"),
        {
            "info": guarded(
                too=f"token_hash = {SHOWN_TOKEN}",
                trade_grant="",
                hidden=("token_hash",),
                reason="whoever shows its code uses it, before it has anything to do with the supplier",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tier_id: Mapped[UUID] = mapped_column(ForeignKey("tier.id"))
    # SHA-256 of the code, which is shown once.
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    label: Mapped[str]
    # Who brings those that join by it, who brought that one, and so on.
    referrers: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    uses_max: Mapped[int] = mapped_column(Integer)
    uses: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Offer(TenantOwned):
    """A supplier's wholesale line for an entitlement. Who gets it at which price is said by its prices per tier."""

    __tablename__ = "offer"
    __table_args__ = (
        CheckConstraint("state IN ('DRAFT', 'PUBLISHED', 'WITHDRAWN')", name="state"),
        CheckConstraint("min_resale_minor >= 0", name="min_resale"),
        Index("ix_offer_tenant_id", "tenant_id", "id"),
        Index(
            "ix_offer_market", "entitlement_id", "id", postgresql_where=text("state = 'PUBLISHED' AND in_market"),
        ),
        {
            "info": guarded(
                also=_OFFERED_TO_ME, trade=True, trade_grant="SELECT",
                reason="resellers see what is offered to them, and all merchants the market; trading reads that of every hop",
            )
        },
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entitlement_id: Mapped[UUID]
    title: Mapped[str]
    currency: Mapped[str]
    state: Mapped[str]
    # The least that a reseller's store may ask for a unit.
    min_resale_minor: Mapped[int | None]
    # Whether merchants without an agreement find it.
    in_market: Mapped[bool]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class OfferPrice(TenantOwned):
    """What a unit of an offer costs a tier from a moment and a quantity on; never changed, so that the rows are the history.

    Rows of one offer, tier and `starts_at` are one price list; the latest that has begun holds. It has a row of
    `from_units` 1, whose price is null when the tier does not get the offer any more.
    """

    __tablename__ = "offer_price"
    __table_args__ = (
        CheckConstraint("from_units BETWEEN 1 AND 1000 AND unit_price_minor >= 0", name="price"),
        UniqueConstraint("offer_id", "tier_id", "starts_at", "from_units"),
        {
            "info": guarded(
                tenant="SELECT, INSERT",
                also=f"{_IN_MY_TIER} AND {_OFFER_IS_SEEN} OR {_FOR_NEWCOMERS}",
                trade=True,
                trade_grant="SELECT",
                reason="resellers see their own tier's price, and all merchants that of newcomers; trading reads that of every hop",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"))
    tier_id: Mapped[UUID] = mapped_column(ForeignKey("tier.id"))
    starts_at: Mapped[datetime]
    from_units: Mapped[int] = mapped_column(Integer)
    unit_price_minor: Mapped[int | None]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
