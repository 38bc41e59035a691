"""Webhooks in the schema: endpoints, what is told to them, and how each attempt went."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_core.ids import WebhookEndpointId, WebhookMessageId
from fondaco_tenants import webhooks
from fondaco_tenants.webhooks import AttemptFailure, EndpointState, MessageState

described(
    EndpointState,
    "Whether an endpoint gets messages.",
    ENABLED="It does.",
    FAILING="It does, and the last one failed; after five days without a success it is disabled.",
    DISABLED="It does not, until somebody enables it.",
)
described(
    MessageState,
    "What became of a message.",
    PENDING="It is to be sent, for the first time or again.",
    DELIVERED="The endpoint answered with 2xx.",
    FAILED="Every attempt of three days failed; it can be sent again.",
    DROPPED="Its endpoint was deleted, or stayed disabled for too long.",
)
described(
    AttemptFailure,
    "What went wrong with an attempt.",
    STATUS="The answer was not 2xx.",
    REDIRECT="The answer was a redirect, which is not followed.",
    GONE="The answer was 410: the endpoint was disabled.",
    TIMEOUT="No whole answer within 20 seconds.",
    CONNECT="No connection.",
    TLS="The certificate is not valid for the host.",
    RESOLVE="The host's name has no address.",
    BROKEN="The connection broke, or the answer was no HTTP.",
    FORBIDDEN_ADDRESS="The URL does not lead to a public address by https.",
)


async def load_endpoints(context: Context, ids: list[WebhookEndpointId]) -> "list[WebhookEndpoint | None]":
    """Endpoints of the viewer's merchant, by their ids."""
    if not context.ctx.has("webhooks.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await webhooks.endpoints_by_ids(tx, context.ctx, ids)
    return [WebhookEndpoint.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_messages(context: Context, ids: list[WebhookMessageId]) -> "list[WebhookMessage | None]":
    """Messages of the viewer's merchant, by their ids."""
    if not context.ctx.has("webhooks.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await webhooks.messages_by_ids(tx, context.ctx, ids)
    return [WebhookMessage.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_secrets(context: Context, ids: list[WebhookEndpointId]) -> list[list[webhooks.SigningSecret]]:
    """Which secrets sign the messages of endpoints."""
    async with context.reading() as tx:
        found = await webhooks.secrets_of(tx, context.ctx, ids)
    return [found[id_] for id_ in ids]


@strawberry.type(description="That a secret signs, and until when; the secret itself was shown once.")
class WebhookSecret:
    """A secret without itself."""

    created_at: datetime = strawberry.field(description="Since when it signs.")
    expires_at: datetime | None = strawberry.field(
        description="Until when it signs, since another one has replaced it; null for the current one."
    )


@strawberry.type(description="One attempt to send a message.")
class WebhookAttempt:
    """How one attempt went."""

    number: int = strawberry.field(description="Counts the message's attempts from 1.")
    sent_at: datetime = strawberry.field(description="When it was made.")
    duration_ms: int = strawberry.field(description="How long it took, in milliseconds.")
    status: int | None = strawberry.field(description="The status of the answer; null when there was none.")
    failure: AttemptFailure | None = strawberry.field(description="What went wrong; null when the endpoint took it.")
    answer: str = strawberry.field(description="How the answer began, at most 512 bytes, control characters replaced.")

    @classmethod
    def of(cls, row: webhooks.Attempt) -> "WebhookAttempt":
        """The schema's form of an attempt."""
        return cls(
            number=row.number, sent_at=row.sent_at, duration_ms=row.duration_ms, status=row.status, failure=row.failure,
            answer=row.answer,
        )  # fmt: skip


@strawberry.type(description="One fact that is told to one endpoint.")
class WebhookMessage(Node):
    """A message as it was read."""

    row: strawberry.Private[webhooks.Message]

    @classmethod
    def of(cls, row: webhooks.Message) -> "WebhookMessage":
        """The schema's form of a message."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "WebhookMessage | None":
        """The message, for who may see webhooks."""
        return await context.loaders.load(load_messages, WebhookMessageId(key))

    @strawberry.field(description="The endpoint that it is for.")
    async def endpoint(self, info: Info) -> "WebhookEndpoint | None":
        return await info.context.loaders.load(load_endpoints, self.row.endpoint_id)

    @strawberry.field(
        description="The header `webhook-id`: the same at every attempt, so that a receiver knows repetitions."
    )
    def webhook_id(self) -> str:
        return self.row.name

    @strawberry.field(description="What happened, for example `order.fulfilled`.")
    def type(self) -> str:
        return self.row.type

    @strawberry.field(description="What is sent, to the byte: JSON with `type`, `timestamp`, `apiVersion` and `data`.")
    def body(self) -> str:
        return self.row.body.decode()

    @strawberry.field(description="When it happened.")
    def happened_at(self) -> datetime:
        return self.row.happened_at

    @strawberry.field(description="What became of it.")
    def state(self) -> MessageState:
        return self.row.state

    @strawberry.field(description="How many attempts were made.")
    def attempt_count(self) -> int:
        return self.row.attempts

    @strawberry.field(description="When the next attempt is made; null when there is none to come.")
    def next_attempt_at(self) -> datetime | None:
        return self.row.due_at

    @strawberry.field(description="When it was taken or given up; null until then.")
    def ended_at(self) -> datetime | None:
        return self.row.ended_at

    @strawberry.field(description="Its attempts, newest first. Needs `webhooks.read`.")
    async def attempts(self, info: Info, first: First = None, after: After = None) -> Connection[WebhookAttempt]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await webhooks.list_attempts(
                tx, info.context.ctx, message_id=self.row.id, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=WebhookAttempt.of)

    @strawberry.field(description="Whether you may send it again.")
    def viewer_can_resend(self, info: Info) -> bool:
        return info.context.ctx.has("webhooks.edit")


OfState = Annotated[MessageState | None, strawberry.argument(description="Only those in this state.")]


async def _messages(
    info: Info, endpoint_id: WebhookEndpointId | None, state: MessageState | None, first: int | None, after: str | None
) -> Connection[WebhookMessage]:
    page = read_page(first, after, None, None, keys=(UUID,))
    async with info.context.reading() as tx:
        rows = await webhooks.list_messages(
            tx, info.context.ctx, endpoint_id=endpoint_id, state=state, after=page.bound(1)[0], count=page.limit
        )
    return connect(page, rows, key=lambda row: (row.id,), make=WebhookMessage.of)


@strawberry.type(description="An address of the merchant's own system that is told what happens.")
class WebhookEndpoint(Node):
    """An endpoint as it was read."""

    row: strawberry.Private[webhooks.Endpoint]

    @classmethod
    def of(cls, row: webhooks.Endpoint) -> "WebhookEndpoint":
        """The schema's form of an endpoint."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "WebhookEndpoint | None":
        """The endpoint, for who may see webhooks."""
        return await context.loaders.load(load_endpoints, WebhookEndpointId(key))

    @strawberry.field(description="Where messages are sent to.")
    def url(self) -> str:
        return self.row.url

    @strawberry.field(description="What people call it; may be empty.")
    def description(self) -> str:
        return self.row.description

    @strawberry.field(description="What it is told of.")
    def event_types(self) -> list[str]:
        return list(self.row.event_types)

    @strawberry.field(description="Whether it gets messages.")
    def state(self) -> EndpointState:
        return self.row.state

    @strawberry.field(description="The form of the payloads, as it was when the endpoint was made.")
    def api_version(self) -> str:
        return self.row.api_version

    @strawberry.field(description="How many messages are on their way to it at once, at most.")
    def concurrency(self) -> int:
        return self.row.concurrency

    @strawberry.field(description="Since when no attempt has succeeded; null when the last one did.")
    def failing_since(self) -> datetime | None:
        return self.row.failing_since

    @strawberry.field(description="Until when it asked to be left alone (Retry-After); null when it did not.")
    def paused_until(self) -> datetime | None:
        return self.row.paused_until

    @strawberry.field(description="When it was disabled; null while it is not.")
    def disabled_at(self) -> datetime | None:
        return self.row.disabled_at

    @strawberry.field(description="Why it is disabled: GONE, FAILING or BY_HAND; null while it is not.")
    def disabled_reason(self) -> str | None:
        return self.row.disabled_reason

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="Counts changes; a change names the version it was made on.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="Which secrets sign its messages now, newest first; never the secrets themselves.")
    async def secrets(self, info: Info) -> list[WebhookSecret]:
        rows = await info.context.loaders.load(load_secrets, self.row.id)
        return [WebhookSecret(created_at=row.created_at, expires_at=row.expires_at) for row in rows]

    @strawberry.field(description="What was told to it, newest first; kept for 30 days.")
    async def messages(
        self, info: Info, first: First = None, after: After = None, state: OfState = None
    ) -> Connection[WebhookMessage]:
        return await _messages(info, self.row.id, state, first, after)

    @strawberry.field(description="Whether you may change, disable or delete it, and send messages again.")
    def viewer_can_edit(self, info: Info) -> bool:
        return info.context.ctx.has("webhooks.edit")


@strawberry.type(description="A type of event that endpoints can be told of.")
class WebhookEventType:
    """A public type."""

    name: str = strawberry.field(description="Its name, for example `order.fulfilled`.")
    description: str = strawberry.field(description="What has happened then, in the viewer's language.")
    fields: list[str] = strawberry.field(description="The fields of its `data`.")


@strawberry.type
class MerchantFields:
    """A merchant's own webhooks."""

    @strawberry.field(description="Addresses that are told what happens, newest first. Needs `webhooks.read`.")
    async def webhook_endpoints(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[WebhookEndpoint]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await webhooks.list_endpoints(tx, info.context.ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=WebhookEndpoint.of)

    @strawberry.field(description="What was told to all endpoints, newest first. Needs `webhooks.read`.")
    async def webhook_messages(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        state: OfState = None,
        endpoint_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only what was told to this endpoint.")
        ] = None,
    ) -> Connection[WebhookMessage]:
        key = None if endpoint_id is None else key_of(endpoint_id, WebhookEndpoint, path=("endpoint_id",))
        return await _messages(info, None if key is None else WebhookEndpointId(key), state, first, after)


@strawberry.type
class Query:
    """What everybody may know of webhooks."""

    @strawberry.field(description="Every type of event that an endpoint can be told of.")
    def webhook_event_types(self, info: Info) -> list[WebhookEventType]:
        chinese = info.context.locale == "zh-CN"
        return [
            WebhookEventType(
                name=public.name, description=public.says_zh if chinese else public.says,
                fields=[field.name for field in public.fields],
            )
            for public in webhooks.CATALOGUE
        ]  # fmt: skip
