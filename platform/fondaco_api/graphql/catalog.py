"""The platform's standard entitlements in the schema: what is sold, whoever sells it."""

from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.scalars import Money, MoneyInput
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits
from fondaco_core.db import Tx, governing
from fondaco_core.errors import StaleVersion
from fondaco_core.ids import EntitlementId
from fondaco_tenants import catalog
from fondaco_tenants.catalog import EntitlementState, FulfilmentKind

described(
    FulfilmentKind,
    "How an entitlement reaches its buyer.",
    CODE="A card code, with a PIN where it has one.",
    LINK="A redemption link.",
    QR="A QR code.",
    TOP_UP="Charged to the buyer's account directly.",
    SERVICE="Work done by people, or part of a bundle.",
)
described(
    EntitlementState,
    "Whether a standard takes new listings.",
    ACTIVE="It may be listed.",
    RETIRED="It takes no new listings; what was sold of it stays valid.",
)


@failure(catalog.SkuTaken)
class SkuTaken(Failure):
    """Another entitlement has this SKU already."""

    sku: str = strawberry.field(description="The SKU that is taken.")


async def load_entitlements(context: Context, ids: list[EntitlementId]) -> list[catalog.Entitlement | None]:
    """Entitlements by their ids; everybody may see them."""
    async with context.reading() as tx:
        found = await catalog.entitlements_by_ids(tx, ids)
    return [found.get(id_) for id_ in ids]


@strawberry.type(
    description="The platform's standard definition of a good. Every merchant's listings and stock point at one, so that "
    "goods of different merchants can be compared and can replace each other."
)
class Entitlement(Node):
    """A standard; its fields are read when they are asked for, since pages of listings show only some of them."""

    # What says its SKU and kind, what says the rest: the parts of a standard, or a row of a page that holds all of it.
    head: strawberry.Private[Any]
    details: strawberry.Private[Any]
    standing: strawberry.Private[str]
    revision: strawberry.Private[int]

    @classmethod
    def of(cls, found: catalog.Entitlement) -> "Entitlement":
        """The schema's form of a standard."""
        return cls(key=found.id, head=found, details=found.details, standing=found.state, revision=found.version)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Entitlement | None":
        """The standard, for anybody."""
        found = await context.loaders.load(load_entitlements, EntitlementId(key))
        return None if found is None else cls.of(found)

    @strawberry.field(description="A stable name for programs, such as `steam-50-cny`.")
    def sku(self) -> str:
        """The SKU."""
        return str(self.head.sku)

    @strawberry.field(description="Whose good it is: Steam, iQIYI.")
    def brand(self) -> str:
        """The brand."""
        return str(self.details.brand)

    @strawberry.field(description="Its name in English.")
    def name(self) -> str:
        """The name."""
        return str(self.details.name)

    @strawberry.field(description="Its name in Chinese.")
    def name_zh(self) -> str:
        """The Chinese name."""
        return str(self.details.name_zh)

    @strawberry.field(description="What kind of good it is, in one word, such as `games`.")
    def category(self) -> str:
        """The category."""
        return str(self.details.category)

    @strawberry.field(description="How it reaches its buyer.")
    def fulfilment_kind(self) -> FulfilmentKind:
        """The kind."""
        return FulfilmentKind(self.head.fulfilment_kind)

    @strawberry.field(description="What it is worth where it is redeemed; null when that is not money.")
    def face_value(self) -> Money | None:
        """The face value."""
        value = self.details.face_value
        return None if value is None else Money.of(value)

    @strawberry.field(description="Where it can be redeemed: two letters by ISO 3166-1, or `GLOBAL`.")
    def region(self) -> str:
        """The region."""
        return str(self.details.region)

    @strawberry.field(description="How long it lasts once redeemed, in days; null when it does not end.")
    def validity_days(self) -> int | None:
        """The validity."""
        days: int | None = self.details.validity_days
        return days

    @strawberry.field(description="Whether codes that differ in upper and lower case only are different codes.")
    def case_sensitive(self) -> bool:
        """Case sensitivity."""
        return bool(self.head.case_sensitive)

    @strawberry.field(description="How to redeem it, in English.")
    def redemption(self) -> str:
        """The instructions."""
        return str(self.details.redemption)

    @strawberry.field(description="How to redeem it, in Chinese.")
    def redemption_zh(self) -> str:
        """The Chinese instructions."""
        return str(self.details.redemption_zh)

    @strawberry.field(
        description="What its use is restricted to (devices, accounts), in English; null without restrictions."
    )
    def restrictions(self) -> str | None:
        """The restrictions."""
        text: str | None = self.details.restrictions
        return text

    @strawberry.field(description="What its use is restricted to, in Chinese; null without restrictions.")
    def restrictions_zh(self) -> str | None:
        """The Chinese restrictions."""
        text: str | None = self.details.restrictions_zh
        return text

    @strawberry.field(description="Whether it takes new listings.")
    def state(self) -> EntitlementState:
        """The state."""
        return EntitlementState(self.standing)

    @strawberry.field(description="Counts its changes; a change names the version it was made on.")
    def version(self) -> int:
        """The version."""
        return self.revision

    @strawberry.field(description="Whether you may change it.")
    def viewer_can_edit(self, info: Info) -> bool:
        """Platform admins may."""
        return info.context.ctx.has("platform.catalog")


@strawberry.input(description="A new standard. Its SKU, kind and case sensitivity never change afterwards.")
class CreateEntitlementInput:
    """All of a standard."""

    sku: str = strawberry.field(description="A stable name for programs: 3 to 64 small letters, digits, dashes.")
    brand: str = strawberry.field(description="Whose good it is.")
    name: str = strawberry.field(description="Its name in English.")
    name_zh: str = strawberry.field(description="Its name in Chinese.")
    category: str = strawberry.field(description="What kind of good it is, in one word.")
    fulfilment_kind: FulfilmentKind = strawberry.field(description="How it reaches its buyer.")
    face_value: MoneyInput | None = strawberry.field(default=None, description="What it is worth where it is redeemed.")
    region: str = strawberry.field(default="GLOBAL", description="Where it can be redeemed: ISO 3166-1, or `GLOBAL`.")
    validity_days: int | None = strawberry.field(default=None, description="How long it lasts once redeemed, in days.")
    case_sensitive: bool = strawberry.field(
        default=False, description="Whether codes that differ in upper and lower case only are different codes."
    )
    redemption: str = strawberry.field(description="How to redeem it, in English.")
    redemption_zh: str = strawberry.field(description="How to redeem it, in Chinese.")
    restrictions: str | None = strawberry.field(default=None, description="What its use is restricted to, in English.")
    restrictions_zh: str | None = strawberry.field(
        default=None, description="What its use is restricted to, in Chinese."
    )


@strawberry.input(description="Changes to a standard. What is left out stays; null clears what may be empty.")
class UpdateEntitlementInput:
    """What may change of a standard."""

    id: strawberry.ID = strawberry.field(description="The entitlement.")
    version: int = strawberry.field(
        description="The version that was read; the change is refused when it is not the latest."
    )
    brand: str | None = strawberry.field(default=UNSET, description="Whose good it is.")
    name: str | None = strawberry.field(default=UNSET, description="Its name in English.")
    name_zh: str | None = strawberry.field(default=UNSET, description="Its name in Chinese.")
    category: str | None = strawberry.field(default=UNSET, description="What kind of good it is, in one word.")
    face_value: MoneyInput | None = strawberry.field(
        default=UNSET, description="What it is worth; null when not money."
    )
    region: str | None = strawberry.field(
        default=UNSET, description="Where it can be redeemed: ISO 3166-1, or `GLOBAL`."
    )
    validity_days: int | None = strawberry.field(default=UNSET, description="How long it lasts, in days; null: no end.")
    redemption: str | None = strawberry.field(default=UNSET, description="How to redeem it, in English.")
    redemption_zh: str | None = strawberry.field(default=UNSET, description="How to redeem it, in Chinese.")
    restrictions: str | None = strawberry.field(default=UNSET, description="Restrictions of its use, in English.")
    restrictions_zh: str | None = strawberry.field(default=UNSET, description="Restrictions of its use, in Chinese.")


@strawberry.input(description="Which standard to retire.")
class RetireEntitlementInput:
    """The standard and its version."""

    id: strawberry.ID = strawberry.field(description="The entitlement.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")


@strawberry.type(description="The standard is in the catalogue.")
class CreateEntitlementSuccess:
    """The result."""

    entitlement: Entitlement = strawberry.field(description="The new entitlement.")


@strawberry.type(description="The standard was changed.")
class UpdateEntitlementSuccess:
    """The result."""

    entitlement: Entitlement = strawberry.field(description="The entitlement as it is now.")


@strawberry.type(description="The standard takes no new listings any more.")
class RetireEntitlementSuccess:
    """The result."""

    entitlement: Entitlement = strawberry.field(description="The entitlement as it is now.")


def words(text: str | None) -> str | None:
    """What a search or filter says, as the database can take it; None when it says nothing."""
    return (text or "").replace("\0", "").strip()[: limits.NAME_MAX] or None


def given(input_: object, *, clearable: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What an update's input says: neither what was left out, nor nulls where nothing can be cleared."""
    values = {name: value for name, value in vars(input_).items() if name not in {"id", "version"}}
    return {
        name: value for name, value in values.items() if value is not UNSET and (value is not None or name in clearable)
    }


@strawberry.type
class Query:
    """Reading the catalogue."""

    @strawberry.field(
        description="The platform's standards by SKU; for anybody. Retired ones only for those who keep them."
    )
    async def entitlements(
        self,
        info: Info,
        *,
        search: Annotated[str | None, strawberry.argument(description="Part of a brand, name or SKU.")] = None,
        category: Annotated[str | None, strawberry.argument(description="Only this category.")] = None,
        kind: Annotated[FulfilmentKind | None, strawberry.argument(description="Only this kind.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Entitlement]:
        """A page of standards."""
        page = read_page(first, after, last, before, keys=(str,))
        state = None if info.context.ctx.has("platform.catalog") else EntitlementState.ACTIVE
        async with info.context.reading() as tx:
            found = await catalog.list_entitlements(
                tx,
                search=words(search),
                category=words(category),
                kind=kind,
                state=state,
                after=page.bound(1)[0],
                backward=page.backward,
                count=page.limit,
            )
        return connect(page, found, key=lambda each: (each.sku,), make=Entitlement.of)


@strawberry.type
class Mutation:
    """Keeping the catalogue; for the platform's admins."""

    @mutation(refusals=[catalog.SkuTaken], opens=governing)
    async def create_entitlement(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[CreateEntitlementInput, strawberry.argument(description="The standard.")],
    ) -> CreateEntitlementSuccess:
        """Adds a standard to the catalogue, for every merchant to list. For the platform's admins."""
        details = catalog.EntitlementDetails(
            brand=input.brand,
            name=input.name,
            name_zh=input.name_zh,
            category=input.category,
            face_value=None if input.face_value is None else input.face_value.read(path=("face_value",)),
            region=input.region,
            validity_days=input.validity_days,
            redemption=input.redemption,
            redemption_zh=input.redemption_zh,
            restrictions=input.restrictions,
            restrictions_zh=input.restrictions_zh,
        )
        made = await catalog.create_entitlement(
            tx,
            info.context.ctx,
            sku=input.sku,
            fulfilment_kind=input.fulfilment_kind,
            details=details,
            case_sensitive=input.case_sensitive,
        )
        return CreateEntitlementSuccess(entitlement=Entitlement.of(made))

    @mutation(refusals=[StaleVersion, catalog.EntitlementRetired], opens=governing)
    async def update_entitlement(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[UpdateEntitlementInput, strawberry.argument(description="The changes.")],
    ) -> UpdateEntitlementSuccess:
        """Changes what the platform says of a standard. For the platform's admins."""
        changes = given(input, clearable=frozenset({"face_value", "validity_days", "restrictions", "restrictions_zh"}))
        if changes.get("face_value") is not None:
            changes["face_value"] = changes["face_value"].read(path=("face_value",))
        entitlement_id = EntitlementId(key_of(input.id, Entitlement))
        changed = await catalog.update_entitlement(
            tx, info.context.ctx, entitlement_id=entitlement_id, version=input.version, **changes
        )
        return UpdateEntitlementSuccess(entitlement=Entitlement.of(changed))

    @mutation(refusals=[StaleVersion], opens=governing)
    async def retire_entitlement(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RetireEntitlementInput, strawberry.argument(description="Which one.")],
    ) -> RetireEntitlementSuccess:
        """Takes a standard out of the catalogue: what is on sale stays so, nothing new is listed. For the platform's admins."""
        entitlement_id = EntitlementId(key_of(input.id, Entitlement))
        retired = await catalog.retire_entitlement(
            tx, info.context.ctx, entitlement_id=entitlement_id, version=input.version
        )
        return RetireEntitlementSuccess(entitlement=Entitlement.of(retired))
