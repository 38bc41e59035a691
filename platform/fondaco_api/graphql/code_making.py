"""Codes of a merchant's own making in the schema: ask for them, in a form that nobody guesses."""

from datetime import datetime
from typing import Annotated

import strawberry

from fondaco_api.graphql.code_batches import CodeBatch
from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import MoneyInput
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.ids import PoolId
from fondaco_tenants import codes


@failure(codes.CodeFormGuessable)
class CodeFormGuessable(Failure):
    """Codes of this form could be guessed: it has too few random symbols."""

    bits: float = strawberry.field(description="How many random bits a code of the form has.")
    bits_min: float = strawberry.field(description="How many it must have.")


@strawberry.input(
    description="The form of codes: a prefix, then groups of symbols between hyphens, of which the last ones check the rest. "
    "Symbols are 2-9 and A-Z without I, L and O; a code has at most 30 of them and at least 80 random bits (17 symbols)."
)
class CodeFormInput:
    """A form."""

    prefix: str = strawberry.field(
        default="", description="What every code begins with, at most 6 symbols; nothing by default."
    )
    groups: int = strawberry.field(default=4, description="How many groups, 4 by default.")
    group_length: int = strawberry.field(default=5, description="How many symbols a group has, 5 by default.")
    check_symbols: int = strawberry.field(
        default=2,
        description="How many symbols check the rest: 1 finds a slip, 2 (the default) find two and tell where a single one is.",
    )


@strawberry.input(description="Which codes to make.")
class GenerateCodesInput:
    """A request for codes."""

    pool_id: strawberry.ID = strawberry.field(
        description="The pool they go into; its good is delivered as a code to type."
    )
    count: int = strawberry.field(description=f"How many, at most {limits.CODES_MADE_MAX}.")
    form: CodeFormInput | None = strawberry.field(
        default=None, description="Their form; four groups of five symbols when left out."
    )
    unit_cost: MoneyInput = strawberry.field(description="What each of them counts as having cost; 0 is fine.")
    expires_at: datetime | None = strawberry.field(default=None, description="When they expire; null for never.")


@strawberry.type(description="The codes are being made; the batch tells how far it is.")
class GenerateCodesSuccess:
    """The result."""

    batch: CodeBatch = strawberry.field(
        description="The batch, with origin GENERATED; its codes come into stock as they are made."
    )


@strawberry.type
class Mutation:
    """Making codes."""

    @mutation(
        refusals=[
            tenancy.TenantNotActive, codes.BadCodeForm, codes.CodeFormGuessable, codes.PoolArchived,
            codes.EntitlementHasNoCodes,
        ]
    )  # fmt: skip
    async def generate_codes(
        self, info: Info, tx: Tx, input: Annotated[GenerateCodesInput, strawberry.argument(description="Which ones.")]
    ) -> GenerateCodesSuccess:
        """Has fresh, unguessable codes of your own made, which your tills verify and redeem with `redeemCode`."""
        form = input.form or CodeFormInput()
        batch = await codes.generate_codes(
            tx, info.context.ctx, pool_id=PoolId(key_of(input.pool_id, Pool, path=("pool_id",))), count=input.count,
            form=codes.CodeForm(form.prefix.strip().upper(), form.groups, form.group_length, form.check_symbols),
            unit_cost=input.unit_cost.read(path=("unit_cost",)), expires_at=input.expires_at,
        )  # fmt: skip
        return GenerateCodesSuccess(batch=CodeBatch.of(batch))
