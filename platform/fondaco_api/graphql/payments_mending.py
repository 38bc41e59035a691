"""Money that gateways refused to give back, and what gateways sent: what people do about it, and look at."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, global_id, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.payments import Payment
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.tenancy import Tenant, load_tenants
from fondaco_api.graphql.transaction import mutation
from fondaco_core.context import ActorKind
from fondaco_core.db import Tx, governing
from fondaco_core.ids import PaymentId, PaymentRefundId, TenantId
from fondaco_core.secret import Secret
from fondaco_tenants import payments
from fondaco_tenants.payments import NotificationView, RefundReason, RefundState, RefundView, Verdict

described(
    Verdict,
    "What something is that came in at a gateway's address.",
    name="NotificationVerdict",
    GENUINE="It is the gateway's, and about a payment of its own.",
    FORGED="Its signature is missing, wrong or too old.",
    STRANGE="It is the gateway's, and about no payment of ours.",
    MISDIRECTED="It is about a payment through another gateway.",
)


async def load_refused(context: Context, ids: list[PaymentRefundId]) -> "list[RefusedRefund | None]":
    """Refunds by their ids, for who may do something about them."""
    ctx = context.ctx
    if not ctx.has("platform.read" if ctx.tenant_id is None else "orders.read"):
        return [None for _ in ids]
    async with governing(ctx) as tx:
        found = await payments.refunds_by_ids(tx, ctx, ids)
    return [RefusedRefund.of(found[each]) if each in found else None for each in ids]


async def load_notifications(context: Context, ids: list[UUID]) -> "list[PaymentNotification | None]":
    """Notifications by their ids, for the platform's people."""
    if context.ctx.actor is not ActorKind.PLATFORM_ADMIN:
        return [None for _ in ids]
    async with governing(context.ctx) as tx:
        found = await payments.notifications_by_ids(tx, context.ctx, ids)
    return [PaymentNotification.of(found[each]) if each in found else None for each in ids]


@strawberry.type(
    description="Money that a gateway refused to give back to a guest, who has no wallet: a person has to."
)
class RefusedRefund(Node):
    """A refund as those see it who do something about it."""

    payment_id: strawberry.ID = strawberry.field(description="The id of the payment that it is of.")
    amount: Money = strawberry.field(description="How much.")
    reason: RefundReason = strawberry.field(description="Why it goes back.")
    state: RefundState = strawberry.field(description="Where it stands: REFUSED while somebody has to do something.")
    refusal: str | None = strawberry.field(description="The gateway's own word for why it refused.")
    sent_as: str = strawberry.field(description="The number under which the gateway knows it now.")
    payout_reference: str | None = strawberry.field(
        description="Where the payment by hand is found; null unless it was one."
    )
    requested_at: datetime = strawberry.field(description="When it was first sent on its way.")
    ended_at: datetime | None = strawberry.field(description="When it arrived or was last refused; null in between.")
    view: strawberry.Private[RefundView]

    @classmethod
    def of(cls, view: RefundView) -> "RefusedRefund":
        """A refund as the schema shows it."""
        return cls(
            key=view.id, payment_id=strawberry.ID(global_id(Payment, view.payment_id)), amount=Money.of(view.amount), reason=view.reason, state=view.state, refusal=view.failure,
            sent_as=str(view.sent_as), payout_reference=view.payout_reference, requested_at=view.requested_at,
            ended_at=view.ended_at, view=view,
        )  # fmt: skip

    @strawberry.field(description="Whether you may send it to its gateway again now (retryRefund).")
    def viewer_can_retry(self, info: Info) -> bool:
        """The merchant's people who refund orders, and the platform's who keep its money."""
        ctx = info.context.ctx
        return self._waits() and ctx.has("platform.wallets" if ctx.tenant_id is None else "orders.refund")

    @strawberry.field(description="Whether you may note now that it was paid out by hand (recordPayout).")
    def viewer_can_record_payout(self, info: Info) -> bool:
        """The platform's people who keep its money."""
        return self._waits() and info.context.ctx.has("platform.wallets")

    def _waits(self) -> bool:
        return self.view.state is RefundState.REFUSED and not self.view.into_wallet

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "RefusedRefund | None":
        """The refund, for the platform's people and the merchant's who see its orders."""
        return await context.loaders.load(load_refused, PaymentRefundId(key))

    @strawberry.field(description="The merchant; null for everybody but the platform's people.")
    async def tenant(self, info: Info) -> Tenant | None:
        """The merchant."""
        if info.context.ctx.actor is not ActorKind.PLATFORM_ADMIN:
            return None
        return await info.context.loaders.load(load_tenants, self.view.tenant_id)


@strawberry.type(
    description="Something that came in at a gateway's address. What it says is sealed (revealNotification)."
)
class PaymentNotification(Node):
    """A notification as it is listed."""

    gateway: str = strawberry.field(description="The gateway's key.")
    verdict: Verdict = strawberry.field(description="What it is.")
    notification_id: str | None = strawberry.field(description="The gateway's own number; null for a forgery.")
    payment_id: strawberry.ID | None = strawberry.field(
        description="The id of the payment it is about; null for none of ours."
    )
    digest: str = strawberry.field(description="The SHA-256 of its body, in hexadecimal digits.")
    ip: str | None = strawberry.field(description="The address it came from.")
    received_at: datetime = strawberry.field(description="When it came in.")
    tenant_id: strawberry.Private[TenantId | None]

    @classmethod
    def of(cls, view: NotificationView) -> "PaymentNotification":
        """A notification as the schema shows it."""
        return cls(
            key=view.id, gateway=view.gateway, verdict=view.verdict, notification_id=view.notification_id,
            payment_id=None if view.payment_id is None else strawberry.ID(global_id(Payment, view.payment_id)), digest=view.digest, ip=view.ip, received_at=view.received_at,
            tenant_id=view.tenant_id,
        )  # fmt: skip

    @strawberry.field(description="Whether you may read what it says (revealNotification).")
    def viewer_can_reveal(self, info: Info) -> bool:
        """By permission alone."""
        return info.context.ctx.has("platform.wallets")

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "PaymentNotification | None":
        """The notification, for the platform's people."""
        return await context.loaders.load(load_notifications, key)

    @strawberry.field(description="The merchant whose payment it is about; null for none of ours.")
    async def tenant(self, info: Info) -> Tenant | None:
        """The merchant."""
        return None if self.tenant_id is None else await info.context.loaders.load(load_tenants, self.tenant_id)


async def _page(info: Info, first: int | None, after: str | None) -> Connection[RefusedRefund]:
    page = read_page(first, after, None, None, keys=(UUID,))
    async with governing(info.context.ctx) as tx:
        rows = await payments.list_refused_refunds(tx, info.context.ctx, after=page.bound(1)[0], count=page.limit)
    return connect(page, rows, key=lambda row: (row.id,), make=RefusedRefund.of)


@strawberry.type
class MerchantFields:
    """What waits for the merchant's people."""

    @strawberry.field(
        description="Guests' money that a gateway refused to give back, the newest first: send it again (retryRefund), or ask "
        "the platform to pay it out. Needs the permission `orders.read`."
    )
    async def refunds_needing_attention(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[RefusedRefund]:
        """The merchant's."""
        info.context.ctx.require("orders.read")
        return await _page(info, first, after)


@strawberry.type
class PlatformFields:
    """What waits for the platform's people, and what they may look at."""

    @strawberry.field(
        description="Guests' money of all merchants that a gateway refused to give back, the newest first."
    )
    async def refunds_needing_attention(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[RefusedRefund]:
        """Everybody's."""
        info.context.ctx.require("platform.read")
        return await _page(info, first, after)

    @strawberry.field(description="What came in at gateways' addresses, the newest first.")
    async def payment_notifications(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        payment_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only about the payment of this id.")
        ] = None,
        verdict: Annotated[Verdict | None, strawberry.argument(description="Only what is this.")] = None,
    ) -> Connection[PaymentNotification]:
        """The evidence."""
        page = read_page(first, after, None, None, keys=(UUID,))
        about = None if payment_id is None else PaymentId(key_of(payment_id, Payment, path=("payment_id",)))
        async with governing(info.context.ctx) as tx:
            rows = await payments.list_notifications(
                tx, info.context.ctx, payment_id=about, verdict=verdict, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=PaymentNotification.of)


@strawberry.input(description="Which refund to send again.")
class RetryRefundInput:
    """What retryRefund takes."""

    refund_id: strawberry.ID = strawberry.field(description="The refund that the gateway refused.")
    reason: str = strawberry.field(description="Why it may work now; kept in the audit log.")


@strawberry.type(description="The refund is on its way to the gateway again, under a new number.")
class RetryRefundSuccess:
    """What retryRefund answers."""

    refund: RefusedRefund = strawberry.field(description="The refund as it is now.")


@strawberry.input(description="How a refund was paid out by hand.")
class RecordPayoutInput:
    """What recordPayout takes."""

    refund_id: strawberry.ID = strawberry.field(description="The refund that the gateway refused.")
    reference: str = strawberry.field(description="Where the payment is found: the bank's number of the transfer, say.")
    reason: str = strawberry.field(description="How it was paid out, and to whom; kept in the audit log.")


@strawberry.type(description="The refund is at its end: somebody paid it out.")
class RecordPayoutSuccess:
    """What recordPayout answers."""

    refund: RefusedRefund = strawberry.field(description="The refund as it is now.")


@strawberry.input(description="Which notification to read.")
class RevealNotificationInput:
    """What revealNotification takes."""

    notification_id: strawberry.ID = strawberry.field(description="The notification.")
    reason: str = strawberry.field(description="Why it is read; kept in the audit log.")


@strawberry.type(description="What a gateway sent, as it came.")
class RevealNotificationSuccess:
    """What revealNotification answers."""

    notification: PaymentNotification = strawberry.field(description="The notification.")
    message: str = strawberry.field(
        description="Its head and body. It says who paid and from where: do not keep what you need not."
    )


@strawberry.type
class Mutation:
    """What people do about refused refunds, and how they read evidence."""

    @mutation(refusals=[payments.RefundNotRefused], opens=governing)
    async def retry_refund(
        self, info: Info, tx: Tx, input: Annotated[RetryRefundInput, strawberry.argument(description="Which one.")]
    ) -> RetryRefundSuccess:
        """Sends money to its gateway again that it refused to give back to a guest, under a new number.

        Needs `orders.refund`; the platform's admins do it for any merchant.
        """
        view = await payments.retry_refund(
            tx, info.context.ctx, refund_id=_refund_id(input.refund_id), reason=input.reason
        )
        return RetryRefundSuccess(refund=RefusedRefund.of(view))

    @mutation(refusals=[payments.RefundNotRefused], opens=governing)
    async def record_payout(
        self, info: Info, tx: Tx, input: Annotated[RecordPayoutInput, strawberry.argument(description="Which one.")]
    ) -> RecordPayoutSuccess:
        """Notes that money which a gateway refused to give back was paid out by hand. For the platform's admins."""
        view = await payments.record_payout(
            tx, info.context.ctx, refund_id=_refund_id(input.refund_id), reference=input.reference, reason=input.reason
        )
        return RecordPayoutSuccess(refund=RefusedRefund.of(view))

    @mutation(refusals=[], opens=payments.reading_evidence, replays=False)
    async def reveal_notification(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RevealNotificationInput, strawberry.argument(description="Which one.")],
    ) -> RevealNotificationSuccess:
        """Shows what a gateway sent, as it came, for a reason; every showing is kept in the audit log. For admins."""
        key = key_of(input.notification_id, PaymentNotification, path=("notification_id",))
        view, message = await payments.reveal_notification(
            tx, info.context.ctx, notification_id=key, reason=input.reason
        )
        return RevealNotificationSuccess(notification=PaymentNotification.of(view), message=_plain(message))


def _refund_id(text: strawberry.ID) -> PaymentRefundId:
    return PaymentRefundId(key_of(text, RefusedRefund, path=("refund_id",)))


def _plain(message: Secret[str]) -> str:
    """A NUL cannot be in an answer that others store."""
    return message.reveal().replace("\0", "\ufffd")
