"""How routing can refuse.

Invalid
└── PoolDoesNotFit     the pool holds another entitlement than the listing sells
Conflict
├── SourceExists       the listing is filled from this pool already
└── NoSource           a listing that nothing fills is not put on sale

An archived pool is refused as codes refuses it: PoolArchived.
"""

from fondaco_core.errors import Conflict, Invalid


class PoolDoesNotFit(Invalid):
    """The pool holds codes of another entitlement than the listing sells."""

    code = "POOL_DOES_NOT_FIT"

    def __init__(self) -> None:
        super().__init__(
            "This pool holds another entitlement than the listing sells; choose a pool of the listing's entitlement.",
            zh="该卡池的权益与商品不一致，请选择同一权益的卡池。",
            path=("pool_id",),
        )


class SourceExists(Conflict):
    """The listing is filled from this pool already."""

    code = "SOURCE_EXISTS"

    def __init__(self) -> None:
        super().__init__(
            "This listing is filled from that pool already.", zh="该商品已使用此卡池作为货源。", path=("pool_id",)
        )


class NoSource(Conflict):
    """Nothing fills this listing: no buyer could get anything."""

    code = "NO_SOURCE"

    def __init__(self) -> None:
        super().__init__(
            "Nothing fills this listing; add a source first (addSource), or switch one on.",
            zh="该商品尚无可用货源，请先添加货源（addSource）或启用已有货源。",
            path=("id",),
        )
