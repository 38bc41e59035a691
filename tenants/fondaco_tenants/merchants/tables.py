"""Tables of merchants: what a merchant says of itself."""

from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded


class MerchantProfile(Base):
    """A merchant's names and the contact that buyers see."""

    __tablename__ = "merchant_profile"
    __table_args__ = ({"info": guarded(trade_grant="SELECT", platform="SELECT, INSERT, UPDATE")},)

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
    display_name: Mapped[str]
    legal_name: Mapped[str | None]
    support_contact: Mapped[str | None]
    currency: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
