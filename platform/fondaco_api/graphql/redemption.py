"""Redemption in the schema: what a merchant's tills and partners do with codes of the merchant's own making."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.code_batches import ends
from fondaco_api.graphql.codes import Code
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.replay import Repeat
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.ids import AllocationId, CodeId
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.codes import CodeStatus, RedemptionState

described(
    CodeStatus,
    "What can be done with a code at its merchant.",
    REDEEMABLE="It was sold and can be redeemed now.",
    LOCKED="Somebody is about to redeem it.",
    REDEEMED="It was redeemed.",
    EXPIRED="Its time is over.",
    NOT_SOLD="Nobody bought it: whoever shows it should not have it.",
    VOID="It was taken out of use.",
    QUARANTINED="It is out of use until somebody has looked into it.",
)
described(
    RedemptionState,
    "Where one use of a code stands.",
    LOCKED="The code is kept for who locked it, until the lease ends.",
    RELEASED="The lock was given back.",
    LAPSED="The lease ended before the code was redeemed.",
    REDEEMED="The code was redeemed.",
    REVERSED="The redemption was taken back; the code can be redeemed again.",
)


@failure(codes.CodeMistyped)
class CodeMistyped(Failure):
    """A slip in a code: its check symbols do not fit."""

    places: list[int] = strawberry.field(
        description="Symbols that are surely wrong, counted from 1 without hyphens and spaces; empty when that cannot be said."
    )

    @classmethod
    def data(cls, refusal: codes.CodeMistyped, context: Context) -> dict[str, object]:
        """The places, as a list."""
        del context
        return {"places": list(refusal.places)}


@failure(codes.CodeNotRedeemable)
class CodeNotRedeemable(Failure):
    """The code is not sold, expired, void, or out of use for now."""

    status: CodeStatus = strawberry.field(description="Which of these.")

    @classmethod
    def data(cls, refusal: codes.CodeNotRedeemable, context: Context) -> dict[str, object]:
        """The status, as an enum."""
        del context
        return {"status": CodeStatus(refusal.status)}


@failure(codes.CodeRedeemed)
class CodeRedeemed(Failure):
    """The code was redeemed before."""

    redeemed_at: datetime = strawberry.field(description="When.")


@failure(codes.CodeLocked)
class CodeLocked(Failure):
    """Somebody else is about to redeem the code."""

    locked_until: datetime = strawberry.field(description="Until when the lock lasts at most.")


@failure(codes.TooManyWrongCodes)
class TooManyWrongCodes(Failure):
    """You have shown too many codes that do not exist, and are shut out for a while."""

    retry_after_s: int = strawberry.field(description="In how many seconds to try again.")


async def load_redemptions(context: Context, ids: list[UUID]) -> list[codes.Redemption | None]:
    """Redemptions by their ids, of the asker's tenant."""
    ctx = context.ctx
    if ctx.tenant_id is None or not (ctx.has("codes.redeem") or ctx.has("codes.read")):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await codes.redemptions_by_ids(tx, ctx, redemption_ids=ids)
    return [found.get(id_) for id_ in ids]


async def load_redeemed_at(context: Context, ids: list[AllocationId]) -> list[datetime | None]:
    """When the codes of units were redeemed, for who may see the units."""
    ctx = context.ctx
    if ctx.tenant_id is None or not (ctx.has("buyer.read") or ctx.has("orders.read")):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await codes.redeemed_at(tx, ctx, allocation_ids=ids)
    return [found.get(id_) for id_ in ids]


@strawberry.type(description="One use of a code of a merchant's own making, at its merchant.")
class Redemption(Node):
    """A redemption; for the merchant and its tills."""

    state: RedemptionState = strawberry.field(description="Where it stands.")
    reference: str | None = strawberry.field(description="What who redeemed calls it: a receipt, an account.")
    created_at: datetime = strawberry.field(description="When the code was locked or redeemed first.")
    locked_until: datetime | None = strawberry.field(description="Until when the lease lasts; null without one.")
    redeemed_at: datetime | None = strawberry.field(description="When it was redeemed; null while it was not.")
    reversed_at: datetime | None = strawberry.field(description="When it was taken back; null when it was not.")
    reversal_reason: str | None = strawberry.field(description="Why it was taken back.")
    code_key: strawberry.Private[CodeId]

    @classmethod
    def of(cls, row: codes.Redemption) -> "Redemption":
        """The schema's form of a redemption."""
        return cls(
            key=row.id, state=row.state, reference=row.reference, created_at=row.created_at,
            locked_until=row.locked_until, redeemed_at=row.redeemed_at, reversed_at=row.reversed_at,
            reversal_reason=row.reversal_reason, code_key=row.code_id,
        )  # fmt: skip

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Redemption | None":
        """The redemption, for the merchant whose code it is of."""
        row = await context.loaders.load(load_redemptions, key)
        return None if row is None else cls.of(row)

    @strawberry.field(description="The code, masked; null for who may not see codes.")
    async def code(self, info: Info) -> Code | None:
        """The code."""
        return await Code.load_node(info.context, self.code_key)

    @strawberry.field(description="Whether you may take it back; for how long one may, `reverseRedemption` says.")
    def viewer_can_reverse(self, info: Info) -> bool:
        """By permission and state."""
        return self.state is RedemptionState.REDEEMED and info.context.ctx.has("codes.redeem")


@strawberry.input(description="The code to ask about.")
class VerifyCodeInput:
    """A code."""

    text: str = strawberry.field(description="The code as it was shown, however it is spelled. It is kept nowhere.")


@strawberry.input(description="The code to lock.")
class LockCodeInput:
    """A code and a lease."""

    text: str = strawberry.field(description="The code as it was shown, however it is spelled. It is kept nowhere.")
    lease_s: int | None = strawberry.field(
        default=None,
        description=f"For how many seconds, at most {limits.REDEMPTION_LOCK_MAX_S}; {limits.REDEMPTION_LOCK_S} when left out.",
    )
    reference: str | None = strawberry.field(
        default=None, description=f"What you call it, at most {limits.NAME_MAX} characters."
    )


@strawberry.input(description="The code to redeem.")
class RedeemCodeInput:
    """A code."""

    text: str = strawberry.field(description="The code as it was shown, however it is spelled. It is kept nowhere.")
    reference: str | None = strawberry.field(
        default=None, description=f"What you call it, at most {limits.NAME_MAX} characters."
    )


@strawberry.input(description="Which lock to give back.")
class ReleaseCodeLockInput:
    """A lock."""

    redemption_id: strawberry.ID = strawberry.field(description="The lock, as `lockCode` answered it.")


@strawberry.input(description="Which redemption to take back, and why.")
class ReverseRedemptionInput:
    """A redemption and a reason."""

    redemption_id: strawberry.ID = strawberry.field(description="The redemption, as `redeemCode` answered it.")
    reason: str = strawberry.field(
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; it is kept in the audit log."
    )


@strawberry.type(description="What is told of a code that was shown; nothing was changed.")
class VerifyCodeSuccess:
    """The result."""

    shown: strawberry.Private[codes.Verified]

    @strawberry.field(description="What can be done with it now.")
    def status(self) -> CodeStatus:
        """The status."""
        return self.shown.status

    @strawberry.field(description="The code with most of it hidden.")
    def masked_code(self) -> str:
        """The mask."""
        return self.shown.masked

    @strawberry.field(description="What it is worth.")
    async def entitlement(self, info: Info) -> Entitlement | None:
        """The entitlement."""
        return await Entitlement.load_node(info.context, self.shown.entitlement_id)

    @strawberry.field(description="When it expires; null for never.")
    def expires_at(self) -> datetime | None:
        """The expiry."""
        return ends(self.shown.expires_at)

    @strawberry.field(description="Until when somebody has locked it; null when nobody has.")
    def locked_until(self) -> datetime | None:
        """The end of the lock."""
        return self.shown.locked_until

    @strawberry.field(description="When it was redeemed; null when it was not.")
    def redeemed_at(self) -> datetime | None:
        """The redemption's time."""
        return self.shown.redeemed_at


@strawberry.type(description="The code is yours until the lease ends.")
class LockCodeSuccess:
    """The result."""

    redemption: Redemption = strawberry.field(
        description="The lock; `redeemCode` with the same code makes it a redemption."
    )


@strawberry.type(description="The code is redeemed.")
class RedeemCodeSuccess:
    """The result."""

    redemption: Redemption = strawberry.field(description="The redemption.")


@strawberry.type(description="The lock is given back.")
class ReleaseCodeLockSuccess:
    """The result."""

    redemption: Redemption = strawberry.field(description="The lock as it is now.")


@strawberry.type(description="The redemption is taken back; the code can be redeemed again.")
class ReverseRedemptionSuccess:
    """The result."""

    redemption: Redemption = strawberry.field(description="The redemption as it is now.")


_UNFIT = [codes.CodeMistyped, codes.UnknownCode, codes.TooManyWrongCodes]
_TAKEN = [*_UNFIT, tenancy.TenantNotActive, codes.CodeNotRedeemable, codes.CodeRedeemed, codes.CodeLocked]


def _asked(repeat: Repeat | None) -> codes.Asked | None:
    return None if repeat is None else codes.Asked(repeat.key, repeat.operation, repeat.input_hash)


@strawberry.type
class Mutation:
    """What tills do."""

    @mutation(refusals=_UNFIT, replays=False)
    async def verify_code(
        self, info: Info, input: Annotated[VerifyCodeInput, strawberry.argument(description="Which code.")]
    ) -> VerifyCodeSuccess:
        """Says whether a code of your own making can be redeemed. It changes nothing, and is a mutation so that the code is never in an address."""
        return VerifyCodeSuccess(shown=await codes.verify_code(info.context.ctx, text=Secret(input.text)))

    @mutation(refusals=_TAKEN)
    async def lock_code(
        self,
        info: Info,
        input: Annotated[LockCodeInput, strawberry.argument(description="Which code.")],
        repeat: Repeat | None = None,
    ) -> LockCodeSuccess:
        """Keeps a code for you for a while, so that nobody else redeems it before you have done what it is worth."""
        done = await codes.lock_code(
            info.context.ctx,
            text=Secret(input.text),
            lease_s=input.lease_s,
            reference=input.reference,
            asked=_asked(repeat),
        )
        return LockCodeSuccess(redemption=Redemption.of(done))

    @mutation(refusals=_TAKEN)
    async def redeem_code(
        self,
        info: Info,
        input: Annotated[RedeemCodeInput, strawberry.argument(description="Which code.")],
        repeat: Repeat | None = None,
    ) -> RedeemCodeSuccess:
        """Redeems a code of your own making, once: of several who redeem it at the same moment one wins."""
        done = await codes.redeem_code(
            info.context.ctx, text=Secret(input.text), reference=input.reference, asked=_asked(repeat)
        )
        return RedeemCodeSuccess(redemption=Redemption.of(done))

    @mutation(refusals=[codes.LockLost])
    async def release_code_lock(
        self, info: Info, tx: Tx, input: Annotated[ReleaseCodeLockInput, strawberry.argument(description="Which lock.")]
    ) -> ReleaseCodeLockSuccess:
        """Gives a code back that you have locked."""
        key = key_of(input.redemption_id, Redemption, path=("redemption_id",))
        return ReleaseCodeLockSuccess(
            redemption=Redemption.of(await codes.release_lock(tx, info.context.ctx, redemption_id=key))
        )

    @mutation(refusals=[tenancy.TenantNotActive, codes.ReasonTooShort, codes.ReversalTooLate])
    async def reverse_redemption(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[ReverseRedemptionInput, strawberry.argument(description="Which one.")],
    ) -> ReverseRedemptionSuccess:
        """Takes a redemption back within the bound, for a reason: the code can be redeemed again."""
        key = key_of(input.redemption_id, Redemption, path=("redemption_id",))
        done = await codes.reverse_redemption(tx, info.context.ctx, redemption_id=key, reason=input.reason)
        return ReverseRedemptionSuccess(redemption=Redemption.of(done))


@strawberry.type
class MerchantFields:
    """Redemptions of the tenant one acts for."""

    @strawberry.field(description="Redemptions of your codes, newest first.")
    async def redemptions(
        self,
        info: Info,
        *,
        code_id: Annotated[strawberry.ID | None, strawberry.argument(description="Only those of this code.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Redemption]:
        """A page of redemptions."""
        page = read_page(first, after, last, before, keys=(UUID,))
        (place,) = page.bound(1)
        wanted = None if code_id is None else CodeId(key_of(code_id, Code, path=("code_id",)))
        async with info.context.reading() as tx:
            rows = await codes.list_redemptions(
                tx, info.context.ctx, code_id=wanted, after=place, backward=page.backward, count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Redemption.of)
