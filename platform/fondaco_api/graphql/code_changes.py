"""What is done with pools and codes: out of sale and back, and the one look at an own code in the open."""

from typing import Annotated

import strawberry

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.codes import Code, Pool
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of, keys_of
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.errors import StaleVersion
from fondaco_core.ids import CodeId, EntitlementId, PoolId
from fondaco_core.secret import Secret
from fondaco_tenants import catalog, codes, delivery


@failure(codes.CodesInWrongState)
class CodesInWrongState(Failure):
    """A code is not in the state that this change begins at; nothing was changed."""

    wrong: int = strawberry.field(description="How many of the codes that are.")


@strawberry.input(description="A new pool.")
class CreatePoolInput:
    """A pool."""

    entitlement_id: strawberry.ID = strawberry.field(description="The good whose codes it will hold.")
    name: str = strawberry.field(description=f"What you call it, at most {limits.NAME_MAX} characters.")


@strawberry.input(description="Changes to a pool.")
class UpdatePoolInput:
    """A pool's name, and when it stops selling and tells somebody."""

    id: strawberry.ID = strawberry.field(description="The pool.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")
    name: str | None = strawberry.field(
        default=None, description=f"What you call it, at most {limits.NAME_MAX} characters; null to leave it."
    )
    stop_sale_before_expiry_days: int | None = strawberry.field(
        default=None,
        description="Codes that expire within so many days are not sold, nor counted as stock; 0 sells until the last moment. "
        "Null to leave it.",
    )
    low_stock_at: int | None = strawberry.field(
        default=None,
        description=f"So many units or fewer are low stock, at most {limits.LOW_STOCK_MAX}; 0 to be told only when there "
        "are none. Null to leave it.",
    )
    expiry_alarm_days: list[int] | None = strawberry.field(
        default=None,
        description=f"How many days before their expiry you are told of codes, at most {limits.EXPIRY_ALARMS_MAX} numbers; "
        "null to leave it.",
    )


@strawberry.input(description="Which pool to put away.")
class ArchivePoolInput:
    """A pool."""

    id: strawberry.ID = strawberry.field(description="The pool.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")


@strawberry.input(description="Which codes to quarantine, and why.")
class QuarantineCodesInput:
    """Codes and a reason."""

    ids: list[strawberry.ID] = strawberry.field(
        description=f"The codes, at most {limits.CODES_PER_CHANGE_MAX}; all or none."
    )
    reason: str = strawberry.field(
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; it is kept in the audit log."
    )


@strawberry.input(description="Which codes to release from quarantine, and why.")
class ReleaseCodesInput(QuarantineCodesInput):
    """Codes and a reason."""


@strawberry.input(description="Which codes to void, and why.")
class VoidCodesInput(QuarantineCodesInput):
    """Codes and a reason."""


@strawberry.input(description="The exact text of a code to look for.")
class FindCodesInput:
    """A text."""

    text: str = strawberry.field(description="The code, however it is spelled. It is kept nowhere.")


@strawberry.input(description="Which code to show, and why.")
class RevealOwnCodeInput:
    """A code and a reason."""

    id: strawberry.ID = strawberry.field(description="The code.")
    reason: str = strawberry.field(
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; it is kept in the audit log."
    )


@strawberry.type(description="The pool is there.")
class CreatePoolSuccess:
    """The result."""

    pool: Pool = strawberry.field(description="The new pool.")


@strawberry.type(description="The pool was changed.")
class UpdatePoolSuccess:
    """The result."""

    pool: Pool = strawberry.field(description="The pool as it is now.")


@strawberry.type(description="The pool was put away.")
class ArchivePoolSuccess:
    """The result."""

    pool: Pool = strawberry.field(description="The pool as it is now.")


@strawberry.type(description="The codes are out of sale.")
class QuarantineCodesSuccess:
    """The result."""

    codes: list[Code] = strawberry.field(description="The codes as they are now, in the order that was given.")


@strawberry.type(description="The codes are in stock again; those whose time was over are EXPIRED.")
class ReleaseCodesSuccess:
    """The result."""

    codes: list[Code] = strawberry.field(description="The codes as they are now, in the order that was given.")


@strawberry.type(description="The codes are out of stock for good.")
class VoidCodesSuccess:
    """The result."""

    codes: list[Code] = strawberry.field(description="The codes as they are now, in the order that was given.")


@strawberry.type(
    description="Your codes with this text: at most one that is or was for sale, and those voided before it."
)
class FindCodesSuccess:
    """The result."""

    codes: list[Code] = strawberry.field(description="The codes, masked; empty when you have none.")


@strawberry.type(description="An own code in the open. That it was shown, to whom and why, is in the audit log.")
class RevealOwnCodeSuccess:
    """The result; resolved from secrets, so that nothing prints it."""

    shown: strawberry.Private[codes.Revealed]

    @strawberry.field(description="The code itself: a card's number, a redemption link, or the content of a QR code.")
    def plaintext(self) -> str:
        """The plaintext."""
        return self.shown.code.reveal()

    @strawberry.field(description="The PIN that goes with it; null for a code without one.")
    def pin(self) -> str | None:
        """The PIN's plaintext."""
        return None if self.shown.pin is None else self.shown.pin.reveal()

    @strawberry.field(description="What was noted beside it when it was imported; null when nothing was.")
    def note(self) -> str | None:
        """The note's plaintext."""
        return None if self.shown.note is None else self.shown.note.reveal()

    @strawberry.field(description="The same code as it shows everywhere else.")
    async def code(self, info: Info) -> Code | None:
        """The masked code."""
        return await Code.load_node(info.context, self.shown.code_id)


_SAFE = tenancy.TenantNotActive


@strawberry.type
class Mutation:
    """Keeping the vault."""

    @mutation(refusals=[_SAFE, codes.EntitlementHasNoCodes, catalog.EntitlementRetired])
    async def create_pool(
        self, info: Info, tx: Tx, input: Annotated[CreatePoolInput, strawberry.argument(description="The pool.")]
    ) -> CreatePoolSuccess:
        """Makes an empty pool for an entitlement that is delivered as a code, a link or a QR code."""
        entitlement_id = EntitlementId(key_of(input.entitlement_id, Entitlement, path=("entitlement_id",)))
        made = await codes.create_pool(tx, info.context.ctx, entitlement_id=entitlement_id, name=input.name)
        return CreatePoolSuccess(pool=Pool.of(made))

    @mutation(refusals=[_SAFE, StaleVersion])
    async def update_pool(
        self, info: Info, tx: Tx, input: Annotated[UpdatePoolInput, strawberry.argument(description="The changes.")]
    ) -> UpdatePoolSuccess:
        """Changes a pool's name, when it stops selling codes that expire soon, and when you are told about its stock."""
        pool_id = PoolId(key_of(input.id, Pool))
        changes = codes.PoolChanges(
            input.name, input.stop_sale_before_expiry_days, input.low_stock_at, input.expiry_alarm_days
        )
        changed = await codes.change_pool(tx, info.context.ctx, pool_id=pool_id, version=input.version, changes=changes)
        return UpdatePoolSuccess(pool=Pool.of(changed))

    @mutation(refusals=[_SAFE, StaleVersion, codes.PoolArchived, codes.PoolHasStock])
    async def archive_pool(
        self, info: Info, tx: Tx, input: Annotated[ArchivePoolInput, strawberry.argument(description="Which one.")]
    ) -> ArchivePoolSuccess:
        """Puts a pool away that has nothing in stock; nothing is imported into it any more."""
        changed = await codes.archive_pool(
            tx, info.context.ctx, pool_id=PoolId(key_of(input.id, Pool)), version=input.version
        )
        return ArchivePoolSuccess(pool=Pool.of(changed))

    @mutation(refusals=[_SAFE, codes.ReasonTooShort, codes.ReasonTooLong, codes.CodesInWrongState])
    async def quarantine_codes(
        self, info: Info, tx: Tx, input: Annotated[QuarantineCodesInput, strawberry.argument(description="Which ones.")]
    ) -> QuarantineCodesSuccess:
        """Takes available codes out of sale until somebody has looked into them."""
        rows = await codes.quarantine_codes(tx, info.context.ctx, code_ids=_code_ids(input.ids), reason=input.reason)
        return QuarantineCodesSuccess(codes=[Code.of(row) for row in rows])

    @mutation(refusals=[_SAFE, codes.ReasonTooShort, codes.ReasonTooLong, codes.CodesInWrongState])
    async def release_codes(
        self, info: Info, tx: Tx, input: Annotated[ReleaseCodesInput, strawberry.argument(description="Which ones.")]
    ) -> ReleaseCodesSuccess:
        """Brings quarantined codes back into stock."""
        rows = await codes.release_quarantined(tx, info.context.ctx, code_ids=_code_ids(input.ids), reason=input.reason)
        return ReleaseCodesSuccess(codes=[Code.of(row) for row in rows])

    @mutation(refusals=[_SAFE, codes.ReasonTooShort, codes.ReasonTooLong, codes.CodesInWrongState])
    async def void_codes(
        self, info: Info, tx: Tx, input: Annotated[VoidCodesInput, strawberry.argument(description="Which ones.")]
    ) -> VoidCodesSuccess:
        """Takes available or quarantined codes out of stock for good; the same codes may be imported again."""
        rows = await codes.void_codes(tx, info.context.ctx, code_ids=_code_ids(input.ids), reason=input.reason)
        return VoidCodesSuccess(codes=[Code.of(row) for row in rows])

    @mutation(replays=False)
    async def find_codes(
        self, info: Info, tx: Tx, input: Annotated[FindCodesInput, strawberry.argument(description="What to look for.")]
    ) -> FindCodesSuccess:
        """Finds your codes by their exact text. It changes nothing, and is a mutation so that the text is never in an address."""
        rows = await codes.find_codes(tx, info.context.ctx, text=Secret(input.text))
        return FindCodesSuccess(codes=[Code.of(row) for row in rows])

    @mutation(refusals=[_SAFE, codes.ReasonTooShort, codes.ReasonTooLong, delivery.PlainRefused], replays=False)
    async def reveal_own_code(
        self, info: Info, tx: Tx, input: Annotated[RevealOwnCodeInput, strawberry.argument(description="Which one.")]
    ) -> RevealOwnCodeSuccess:
        """Shows one of your own codes in the open, for a reason; every showing is kept in the audit log.

        Not to a machine with a public key: what shows codes in the open is not for it.
        """
        await delivery.refuse_plain(tx, info.context.ctx)
        code_id = CodeId(key_of(input.id, Code))
        return RevealOwnCodeSuccess(
            shown=await codes.reveal_own_code(tx, info.context.ctx, code_id=code_id, reason=input.reason)
        )


def _code_ids(texts: list[strawberry.ID]) -> list[CodeId]:
    return [CodeId(key) for key in keys_of(list(texts), Code, path=("ids",))]
