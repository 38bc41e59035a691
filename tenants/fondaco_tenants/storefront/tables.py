"""Tables of the storefront: stores."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded
from fondaco_core.db.isolation import CURRENT_TENANT


class Store(TenantOwned):
    """A tenant's sales front. Its slug is also a door (tenancy.TenantDoor), by which visitors find the tenant."""

    __tablename__ = "store"
    __table_args__ = (
        CheckConstraint("state IN ('OPEN', 'CLOSED')", name="state"),
        CheckConstraint("hold_s BETWEEN 30 AND 86400", name="hold_s"),
        {
            "info": guarded(
                also=f"{CURRENT_TENANT} IS NULL AND state = 'OPEN'",
                reason="a visitor who comes by an id has no tenant yet, and finds the tenant of what is open to everybody",
                trade_grant="SELECT",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    currency: Mapped[str]
    locale: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'OPEN'"))
    guest_checkout: Mapped[bool] = mapped_column(server_default=text("true"))
    # How long an unpaid order holds its stock, in seconds.
    hold_s: Mapped[int] = mapped_column(server_default=text("900"))
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(server_default=text("1"))
