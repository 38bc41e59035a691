"""Alarms about showing codes in the schema, for a merchant's auditors."""

from datetime import datetime
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_tenants import delivery
from fondaco_tenants.delivery import UnusualRule

described(
    UnusualRule,
    "What was unusual about showing codes.",
    STAFF_BURST="Somebody who works for the merchant looked at many codes.",
    CLIENT_BURST="A machine fetched many codes.",
    NEW_PLACE="Somebody who works for the merchant looked at a code from a network where they never did before.",
    ONE_PLACE="Codes of many buyers were shown at one address.",
    LINK_SPREAD="One link was opened from several networks.",
)


@strawberry.type(description="That codes were shown in an unusual way; raised once an hour for each rule and subject.")
class RevealAlarm:
    """An alarm."""

    row: strawberry.Private[delivery.RevealAlarm]

    @strawberry.field(description="What was unusual.")
    def rule(self) -> UnusualRule:
        """The rule."""
        return self.row.rule

    @strawberry.field(
        description="Whom or what it is about: the number in the database of the member, machine or link, or for a place a keyed "
        "hash, the same for the same place; never an address."
    )
    def subject(self) -> str:
        """The subject."""
        return self.row.subject

    @strawberry.field(
        description="How many codes, buyers or networks there were within the hour when it was raised; codes are counted up to twice the usual."
    )
    def count(self) -> int:
        """The figure."""
        return self.row.count

    @strawberry.field(description="When it was raised.")
    def raised_at(self) -> datetime:
        """The moment."""
        return self.row.raised_at


@strawberry.type
class MerchantFields:
    """A merchant's own alarms."""

    @strawberry.field(
        description="Where codes were shown in an unusual way, newest first. Needs the permission `audit.read`."
    )
    async def reveal_alarms(self, info: Info, first: First = None, after: After = None) -> Connection[RevealAlarm]:
        """The alarms."""
        page = read_page(first, after, None, None, keys=(UUID,))
        ctx = info.context.ctx
        async with info.context.reading() as tx:
            rows = await delivery.list_alarms(tx, ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=lambda row: RevealAlarm(row=row))
