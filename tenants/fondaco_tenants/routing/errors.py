"""How routing can refuse.

Invalid
└── PoolDoesNotFit     the pool holds another entitlement than the listing sells
Conflict
├── SourceExists       the listing is filled from this pool already
└── PoolArchived       the pool takes no part in sales any more
"""

from fondaco_core.errors import Conflict, Invalid


class PoolDoesNotFit(Invalid):
    """The pool holds codes of another entitlement than the listing sells."""

    code = "POOL_DOES_NOT_FIT"

    def __init__(self) -> None:
        super().__init__(
            "This pool holds another entitlement than the listing sells; choose a pool of the listing's entitlement.",
            zh="该卡池的权益与商品不一致,请选择同一权益的卡池。",
            path=("pool_id",),
        )


class SourceExists(Conflict):
    """The listing is filled from this pool already."""

    code = "SOURCE_EXISTS"

    def __init__(self) -> None:
        super().__init__(
            "This listing is filled from that pool already.", zh="该商品已使用此卡池作为货源。", path=("pool_id",)
        )


class PoolArchived(Conflict):
    """The pool was archived and fills no orders."""

    code = "POOL_ARCHIVED"

    def __init__(self) -> None:
        super().__init__(
            "This pool is archived; choose another.", zh="该卡池已归档,请选择其他卡池。", path=("pool_id",)
        )
