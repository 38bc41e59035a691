"""How routing can refuse.

Invalid
├── PoolDoesNotFit     the pool holds another entitlement than what it shall fill
└── OfferDoesNotFit    the supplier's offer is of another entitlement or currency
Conflict
├── SourceExists       it is filled from there already
├── SupplyCircle       the supplier's offer is itself filled from the asker's goods
├── NoSource           what nothing fills is not put on sale
└── SourceInWrongState it is paused by a person, or active, already

An archived pool is refused as codes refuses it: PoolArchived.
"""

from fondaco_core.errors import Conflict, Invalid


class PoolDoesNotFit(Invalid):
    """The pool holds codes of another entitlement than what it shall fill."""

    code = "POOL_DOES_NOT_FIT"

    def __init__(self) -> None:
        super().__init__(
            "This pool holds another entitlement than the listing or offer sells; choose a pool of the same entitlement.",
            zh="该卡池的权益与商品不一致，请选择同一权益的卡池。",
            path=("pool_id",),
        )


class OfferDoesNotFit(Invalid):
    """The supplier's offer is of another entitlement or currency than what it shall fill."""

    code = "OFFER_DOES_NOT_FIT"

    def __init__(self) -> None:
        super().__init__(
            "This offer is of another entitlement or currency than the listing or offer that it shall fill.",
            zh="该供货的权益或货币与商品不一致，请选择同一权益、同一货币的供货。",
            path=("supplier_offer_id",),
        )


class SourceExists(Conflict):
    """What is filled has this source already."""

    code = "SOURCE_EXISTS"

    def __init__(self, *, path: tuple[str, ...]) -> None:
        super().__init__("It is filled from there already.", zh="该货源已存在，无需重复添加。", path=path)


class SupplyCircle(Conflict):
    """The supplier's offer is, over whatever merchants, itself filled from the asker's own: goods would go in a circle."""

    code = "SUPPLY_CIRCLE"

    def __init__(self) -> None:
        super().__init__(
            "This offer is itself filled from goods of yours, so that it would fill itself; choose another supplier.",
            zh="该供货的上游包含您自己的货源，会形成循环，请选择其他供应商。",
            path=("supplier_offer_id",),
        )


class SourceInWrongState(Conflict):
    """The source is already as it is asked to be."""

    code = "SOURCE_IN_WRONG_STATE"

    def __init__(self, *, paused: bool) -> None:
        super().__init__(
            "A person has paused this source already." if paused else "This source is not paused.",
            zh="该货源已被人工暂停。" if paused else "该货源未被暂停。",
            path=("id",),
        )
        self.paused = paused


class NoSource(Conflict):
    """Nothing fills this listing or offer: nobody could get anything."""

    code = "NO_SOURCE"

    def __init__(self) -> None:
        super().__init__(
            "Nothing fills this; add a source first (addSource), or switch one on.",
            zh="尚无可用货源，请先添加货源（addSource）或启用已有货源。",
            path=("id",),
        )
