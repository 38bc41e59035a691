"""What every table is made of: names of constraints, and whose a row is."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """A table. It must say in its `info` whose its rows are (isolation.guarded)."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[type, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        bytes: LargeBinary(),
        int: BigInteger(),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(Text()),
    }


class TenantOwned(Base):
    """A row of one tenant, invisible to every other: row level security by `tenant_id`.

    There is no foreign key to the tenant, nor from an order to the store, listing or pool it is of: each insert would
    lock that one row in share mode, which makes busy merchants slow. Row level security checks the tenant, no role may
    delete those parents, and the invariants look for orphans.
    """

    __abstract__ = True

    @declared_attr
    def tenant_id(cls) -> Mapped[UUID]:  # noqa: N805 - a declared attribute is a class method
        """The tenant whose row this is."""
        return mapped_column(nullable=False)
