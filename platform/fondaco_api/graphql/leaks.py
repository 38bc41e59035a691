"""Codes that turned up where they should not be, in the schema: each merchant on their path sees its own two lots."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.codes import Code
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.supply import Partner, load_partners
from fondaco_api.graphql.supply_sales import OfPartner, SupplyPurchase, SupplySale
from fondaco_api.graphql.transaction import mutation, retried
from fondaco_core import limits
from fondaco_core.db import trading, transaction
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import CodeId, TenantId
from fondaco_core.secret import Secret
from fondaco_tenants import aftersales, codes


async def load_leaks(context: Context, ids: list[UUID]) -> "list[Leak | None]":
    """Leaks as the asker's merchant knows them, by their ids."""
    if context.ctx.tenant_id is None or not context.ctx.has("supply.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await aftersales.leaks_by_ids(tx, context.ctx, ids)
    return [Leak.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_finds(context: Context, ids: list[UUID]) -> "list[list[LeakFind]]":
    """Where the asker's merchant found codes."""
    async with context.reading() as tx:
        found = await aftersales.finds_of(tx, context.ctx, ids)
    return [[LeakFind(place=each.place, found_at=each.found_at) for each in found.get(id_, ())] for id_ in ids]


@strawberry.type(description="A place at which one of your codes was found.")
class LeakFind:
    """A place as it was reported."""

    place: str = strawberry.field(description="Where, as your people wrote it; nobody else reads it.")
    found_at: datetime = strawberry.field(description="When it was reported.")


@strawberry.type(
    description="A unit whose code turned up where it should not be. Its owner reported it; you see in which lots it came to you and went "
    "on from you, and nothing of the others on its path."
)
class Leak(Node):
    """A leak as one merchant knows it."""

    row: strawberry.Private[aftersales.Leak]

    @classmethod
    def of(cls, row: aftersales.Leak) -> "Leak":
        """The schema's form of a leak."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Leak | None":
        """The leak, for a merchant on the code's path."""
        return await context.loaders.load(load_leaks, key)

    @strawberry.field(description="The code with most of it hidden.")
    def masked_code(self) -> str:
        return self.row.masked

    @strawberry.field(description="The code, when it is your own; null for another merchant's.")
    async def code(self, info: Info) -> Code | None:
        return None if self.row.code_id is None else await Code.load_node(info.context, self.row.code_id)

    @strawberry.field(description="The lot that it came to you in; null for your own code.")
    async def purchase(self, info: Info) -> SupplyPurchase | None:
        return (
            None if self.row.purchase_id is None else await SupplyPurchase.load_node(info.context, self.row.purchase_id)
        )

    @strawberry.field(description="The lot that it went on in; null for what your own store sold, or nobody bought.")
    async def sale(self, info: Info) -> SupplySale | None:
        return None if self.row.sale_id is None else await SupplySale.load_node(info.context, self.row.sale_id)

    @strawberry.field(
        description="The reseller that you sold it to; null for what your own store sold, or nobody bought."
    )
    async def reseller(self, info: Info) -> Partner | None:
        return (
            None if self.row.partner_id is None else await info.context.loaders.load(load_partners, self.row.partner_id)
        )

    @strawberry.field(description="At how many places its owner found it.")
    def finds(self) -> int:
        return self.row.finds

    @strawberry.field(description="Where it was found, oldest first; empty for who did not report it.")
    async def places(self, info: Info) -> list[LeakFind]:
        return await info.context.loaders.load(load_finds, self.row.id)

    @strawberry.field(description="When it was reported first.")
    def reported_at(self) -> datetime:
        return self.row.reported_at

    @strawberry.field(description="When it was found last.")
    def found_at(self) -> datetime:
        return self.row.found_at


@strawberry.type(description="How much turned up of what went to one reseller.")
class LeaksOfReseller:
    """A count as it was read."""

    row: strawberry.Private[aftersales.LeakCount]

    @strawberry.field(description="The reseller.")
    async def reseller(self, info: Info) -> Partner | None:
        return await info.context.loaders.load(load_partners, self.row.partner_id)

    @strawberry.field(description="How many codes.")
    def codes(self) -> int:
        return self.row.codes

    @strawberry.field(description="Of how many lots.")
    def lots(self) -> int:
        return self.row.lots

    @strawberry.field(description="At how many places, all codes together.")
    def finds(self) -> int:
        return self.row.finds

    @strawberry.field(description="When one of them was found last.")
    def found_at(self) -> datetime:
        return self.row.found_at


@strawberry.input(description="A code of yours that was found, by its text or its id, and where.")
class ReportLeakInput:
    """What reportLeak takes."""

    text: str | None = strawberry.field(
        default=None, description="The code as it was found, however it is spelled. It is kept nowhere."
    )
    fingerprint: str | None = strawberry.field(
        default=None, description="Or its fingerprint, as `Code.fingerprint` tells it."
    )
    code_id: strawberry.ID | None = strawberry.field(default=None, description="Or the code's id.")
    place: str = strawberry.field(
        description=f"Where it was found: an address, a name of a channel; 1 to {limits.LEAK_PLACE_MAX} characters, and never the code "
        "itself. The same place counts once."
    )


@strawberry.type(description="It is written down, and each merchant on the code's path was told of its own lot.")
class ReportLeakSuccess:
    """What reportLeak answers."""

    leak: Leak = strawberry.field(description="The leak.")


def code_asked_for(text: str | None, fingerprint: str | None, code_id: strawberry.ID | None) -> aftersales.AskedCode:
    """One code by its text, its fingerprint or its id; Invalid for none or several of them."""
    if sum(each is not None for each in (text, fingerprint, code_id)) != 1:
        raise Invalid(
            "Give the code's text, its fingerprint or its id.",
            zh="卡密文本、指纹与 ID 须且只须提供其一。",
            path=("text",),
        )
    return aftersales.AskedCode(
        None if text is None else Secret(text), None if fingerprint is None else _mark(fingerprint),
        None if code_id is None else CodeId(key_of(code_id, Code, path=("code_id",))),
    )  # fmt: skip


def _mark(fingerprint: str) -> bytes:
    try:
        return bytes.fromhex(fingerprint)
    except ValueError:
        raise Invalid(
            "A fingerprint has hexadecimal digits alone.", zh="指纹只含十六进制数字。", path=("fingerprint",)
        ) from None


@strawberry.type
class MerchantFields:
    """What turned up of a merchant's codes, and of what it resold."""

    @strawberry.field(
        description="Units of yours, and of what you resold, whose codes turned up; the newest first. Needs `supply.read`."
    )
    async def leaks(
        self, info: Info, *, first: First = None, after: After = None, partner_id: OfPartner = None
    ) -> Connection[Leak]:
        page = read_page(first, after, None, None, keys=(UUID,))
        key = None if partner_id is None else TenantId(key_of(partner_id, Partner, path=("partner_id",)))
        async with info.context.reading() as tx:
            rows = await aftersales.list_leaks(
                tx, info.context.ctx, partner_id=key, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Leak.of)

    @strawberry.field(
        description=f"How much turned up of what you sold to each reseller, most first, at most {limits.PAGE_MAX}. Needs `supply.read`."
    )
    async def leaks_by_reseller(self, info: Info) -> list[LeaksOfReseller]:
        async with info.context.reading() as tx:
            rows = await aftersales.count_leaks(tx, info.context.ctx)
        return [LeaksOfReseller(row=row) for row in rows]


@strawberry.type
class Mutation:
    """Reporting what turned up."""

    @mutation(refusals=[codes.TooManyWrongCodes], replays=False)
    async def report_leak(
        self,
        info: Info,
        input: Annotated[ReportLeakInput, strawberry.argument(description="What was found, and where.")],
    ) -> ReportLeakSuccess:
        """Writes down that a code of yours turned up, and tells each merchant on its path which of its lots it was of. Needs `supply.edit`.

        A code of another merchant's is answered as one that does not exist. The same place counts once, so that doing it again is harmless.
        """
        ctx, context = info.context.ctx, info.context
        ctx.require("supply.edit")
        asked = code_asked_for(input.text, input.fingerprint, input.code_id)
        async with transaction(ctx) as tx:
            found = await aftersales.find_own(tx, ctx, asked, said=input.place, path="place")
        # Of codes with one text the first is the one that is or was for sale.
        own = next((code for code in found if code.state is not codes.CodeState.VOID), None) or next(iter(found), None)
        if own is None:
            raise NotFound("code", path=(asked.by,))

        async def report() -> aftersales.Leak:
            async with trading(ctx) as tx:
                return await aftersales.report_leak(tx, ctx, code_id=own.id, place=input.place)

        leak = await retried(report, info, "reportLeak")
        context.loaders.clear()
        return ReportLeakSuccess(leak=Leak.of(leak))
