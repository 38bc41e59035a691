"""The schema, assembled: every module's parts of the roots, merged.

A module's GraphQL file may define any of these classes, each a `@strawberry.type` with resolver fields only:

    Query, Mutation, Subscription      fields of the three roots
    MerchantFields                     fields of `merchant`, the tenant one acts for (info.context.ctx.tenant)
    PlatformFields                     fields of `platform`, for platform admins
    ViewerFields                       fields of `viewer`, who one is

It is listed in MODULES, and that is all.
"""

from functools import cache
from types import ModuleType
from typing import Any

import strawberry
from graphql import GraphQLSchema
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from fondaco_api.graphql import (
    aftersales,
    audit,
    break_glass,
    catalog,
    client_changes,
    code_batches,
    code_calendar,
    code_changes,
    code_imports,
    code_making,
    code_previews,
    codes,
    commissions,
    customers,
    deliveries,
    deliveries_changes,
    delivery,
    delivery_changes,
    delivery_settings,
    identity,
    identity_changes,
    identity_factors,
    identity_passkeys,
    identity_providers,
    keys,
    leaks,
    listing_changes,
    listings,
    merchants,
    node,
    order_changes,
    order_exports,
    order_gift_changes,
    order_holds,
    order_look_up,
    order_mending,
    order_placing,
    orders,
    payments,
    payments_changes,
    payments_mending,
    plans,
    reconciliation,
    redemption,
    reveal_alarms,
    routing_changes,
    routing_explain,
    routing_policies,
    routing_policy_changes,
    sessions,
    settlement_payouts,
    settlement_repaying,
    settlement_statements,
    settlement_withdrawal_changes,
    settlement_withdrawals,
    stock_changes,
    stock_exports,
    storefront,
    supply,
    supply_agreement_changes,
    supply_agreements,
    supply_breaches,
    supply_changes,
    supply_market,
    supply_offers,
    supply_offers_changes,
    supply_sales,
    tenancy,
    tracing,
    wallets,
    webhooks,
    webhooks_changes,
)
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.execution import core_of
from fondaco_api.graphql.scalars import SCALARS
from fondaco_core.context import ActorKind

MODULES: tuple[ModuleType, ...] = (
    node,
    aftersales,
    catalog,
    storefront,
    listings,
    listing_changes,
    tenancy,
    plans,
    audit,
    sessions,
    break_glass,
    customers,
    merchants,
    identity,
    identity_changes,
    client_changes,
    identity_factors,
    identity_passkeys,
    identity_providers,
    orders,
    order_placing,
    order_changes,
    order_holds,
    order_mending,
    order_gift_changes,
    order_look_up,
    order_exports,
    wallets,
    payments,
    payments_changes,
    payments_mending,
    reconciliation,
    deliveries,
    deliveries_changes,
    delivery,
    delivery_changes,
    delivery_settings,
    reveal_alarms,
    codes,
    code_batches,
    code_calendar,
    code_changes,
    code_imports,
    code_previews,
    routing_changes,
    routing_explain,
    routing_policies,
    routing_policy_changes,
    webhooks,
    webhooks_changes,
    supply,
    supply_agreements,
    supply_breaches,
    supply_changes,
    supply_agreement_changes,
    settlement_repaying,
    supply_offers,
    supply_offers_changes,
    supply_sales,
    leaks,
    tracing,
    supply_market,
    commissions,
    settlement_payouts,
    settlement_statements,
    settlement_withdrawal_changes,
    settlement_withdrawals,
    code_making,
    keys,
    redemption,
    stock_changes,
    stock_exports,
)


def _merged(name: str, part: str, description: str, *more: type) -> Any:
    """One type of all modules' classes of that name, or None when there are none."""
    parts = (*more, *(vars(module)[part] for module in MODULES if part in vars(module)))
    if not parts:
        return None
    made: Any = merge_types(name, parts)
    made.__strawberry_definition__.description = description
    return made


def _audiences() -> type:
    """The roots that stand for an audience: fields of Query that every module adds to."""
    fields: dict[str, Any] = {}
    viewer = _merged("Viewer", "ViewerFields", "Who you are, as far as this request's credentials tell.")
    if viewer is not None:
        fields["viewer"] = strawberry.field(
            resolver=_always(viewer),
            description="Who you are and what you may do here; never null, also for a stranger.",
        )
    merchant = _merged(
        "Merchant", "MerchantFields", "The tenant you act for: everything a merchant's own people and systems see."
    )
    if merchant is not None:
        fields["merchant"] = strawberry.field(
            resolver=_for_merchants(merchant), description="The tenant you act for; null when you act for none."
        )
    governed = _merged("Platform", "PlatformFields", "What the platform's own admins see.")
    if governed is not None:
        fields["platform"] = strawberry.field(
            resolver=_for_admins(governed), description="The platform's own side; null for everybody but its admins."
        )
    return strawberry.type(type("Audiences", (), fields))


def _always(kind: Any) -> Any:
    def resolve() -> Any:
        return kind()

    resolve.__annotations__["return"] = kind
    return resolve


def _for_merchants(kind: Any) -> Any:
    def resolve(info: Info) -> Any:
        ctx = info.context.ctx
        acts = ctx.actor in {ActorKind.MEMBER, ActorKind.API_CLIENT, ActorKind.BREAK_GLASS} and ctx.customer_id is None
        return kind() if acts and ctx.tenant_id is not None else None

    resolve.__annotations__["return"] = kind | None
    return resolve


def _for_admins(kind: Any) -> Any:
    def resolve(info: Info) -> Any:
        return kind() if info.context.ctx.actor is ActorKind.PLATFORM_ADMIN else None

    resolve.__annotations__["return"] = kind | None
    return resolve


@cache
def schema() -> strawberry.Schema:
    """The one schema of the process: Strawberry's types cannot be assembled twice."""
    return strawberry.Schema(
        query=_merged("Query", "Query", "What can be read. Everything begins at who asks or at a store.", _audiences()),
        mutation=_merged(
            "Mutation", "Mutation", "What can be done. Each answers with its result or with a named refusal."
        ),
        subscription=_merged("Subscription", "Subscription", "What can be followed as it happens."),
        types=node.node_types(),
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def core_schema() -> GraphQLSchema:
    """The same as graphql-core has it."""
    return core_of(schema())


def printed() -> str:
    """The schema as schema.graphql holds it."""
    return print_schema(schema()) + "\n"
