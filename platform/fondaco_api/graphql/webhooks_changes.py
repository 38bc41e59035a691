"""What is done about webhooks: endpoints made, changed, switched, deleted; secrets replaced; messages sent again."""

from datetime import datetime
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.once import shown_once
from fondaco_api.graphql.replay import Repeat
from fondaco_api.graphql.transaction import mutation, retried
from fondaco_api.graphql.webhooks import WebhookEndpoint, WebhookMessage
from fondaco_core import limits
from fondaco_core.db import Tx, transaction
from fondaco_core.errors import StaleVersion
from fondaco_core.http import ForbiddenAddress
from fondaco_core.ids import WebhookEndpointId, WebhookMessageId
from fondaco_core.secret import Secret
from fondaco_tenants import webhooks

_CONCURRENCY = f"How many messages are on their way to it at once, from 1 to {limits.WEBHOOK_CONCURRENCY_MAX}."


@strawberry.input(description="An address of your system that is to be told what happens.")
class CreateWebhookEndpointInput:
    """What createWebhookEndpoint takes."""

    url: str = strawberry.field(
        description="Where to: a public address by https, looked at now and at every message. Messages come as POST."
    )
    event_types: list[str] = strawberry.field(description="What it is told of; `webhookEventTypes` lists the types.")
    description: str = strawberry.field(default="", description="What people call it, at most 200 characters.")
    concurrency: int = strawberry.field(default=2, description=_CONCURRENCY)


@strawberry.input(description="What to change of an endpoint; what is left out stays.")
class UpdateWebhookEndpointInput:
    """What updateWebhookEndpoint takes."""

    endpoint_id: strawberry.ID = strawberry.field(description="The endpoint.")
    version: int = strawberry.field(description="The version you read.")
    url: str | None = strawberry.field(default=None, description="Where to: a public address by https.")
    event_types: list[str] | None = strawberry.field(default=None, description="What it is told of.")
    description: str | None = strawberry.field(default=None, description="What people call it.")
    concurrency: int | None = strawberry.field(default=None, description=_CONCURRENCY)


@strawberry.input
class _OneEndpoint:
    """What names an endpoint."""

    endpoint_id: strawberry.ID = strawberry.field(description="The endpoint.")


@strawberry.input(description="Which endpoint to end for good.")
class DeleteWebhookEndpointInput(_OneEndpoint):
    """What deleteWebhookEndpoint takes."""


@strawberry.input(description="Which endpoint is to hear again.")
class EnableWebhookEndpointInput(_OneEndpoint):
    """What enableWebhookEndpoint takes."""


@strawberry.input(description="Which endpoint is to hear nothing.")
class DisableWebhookEndpointInput(_OneEndpoint):
    """What disableWebhookEndpoint takes."""


@strawberry.input(description="Which endpoint to try out.")
class SendTestEventInput(_OneEndpoint):
    """What sendTestEvent takes."""


@strawberry.input(description="Which endpoint gets another secret, and how long the ones before it go on.")
class RotateWebhookSecretInput(_OneEndpoint):
    """What rotateWebhookSecret takes."""

    overlap_hours: int = strawberry.field(
        default=limits.WEBHOOK_OVERLAP_HOURS,
        description="For how many hours the secrets before it sign as well, "
        f"from 0 to {limits.WEBHOOK_OVERLAP_HOURS_MAX}; 0 ends them at once.",
    )


@strawberry.input(description="Which message to send again.")
class ResendWebhookMessageInput:
    """What resendWebhookMessage takes."""

    message_id: strawberry.ID = strawberry.field(description="The message.")


@strawberry.input(description="What to send again to an endpoint.")
class ResendFailedWebhookMessagesInput(_OneEndpoint):
    """What resendFailedWebhookMessages takes."""

    since: datetime = strawberry.field(description="What happened since then and was given up.")


@strawberry.type
class _Changed:
    """An endpoint as it is now."""

    endpoint: WebhookEndpoint = strawberry.field(description="The endpoint as it is now.")


@strawberry.type
class _WithSecret(_Changed):
    """An endpoint and a fresh secret."""

    secret: str | None = strawberry.field(
        description="The secret that verifies its messages, `whsec_…`; shown once, null when the request is repeated."
    )


@strawberry.type(description="The endpoint is told of what happens from now on.")
class CreateWebhookEndpointSuccess(_WithSecret):
    """What createWebhookEndpoint answers."""


@strawberry.type(description="The endpoint is changed.")
class UpdateWebhookEndpointSuccess(_Changed):
    """What updateWebhookEndpoint answers."""


@strawberry.type(description="The endpoint hears again.")
class EnableWebhookEndpointSuccess(_Changed):
    """What enableWebhookEndpoint answers."""


@strawberry.type(description="The endpoint hears nothing.")
class DisableWebhookEndpointSuccess(_Changed):
    """What disableWebhookEndpoint answers."""


@strawberry.type(description="The endpoint has another secret.")
class RotateWebhookSecretSuccess(_WithSecret):
    """What rotateWebhookSecret answers."""


@strawberry.type(description="The endpoint is gone.")
class DeleteWebhookEndpointSuccess:
    """What deleteWebhookEndpoint answers."""

    deleted_endpoint_id: strawberry.ID = strawberry.field(description="The id of what was deleted.")


@strawberry.type(description="A message of the type `webhook.test` is on its way.")
class SendTestEventSuccess:
    """What sendTestEvent answers."""

    message: WebhookMessage = strawberry.field(description="The message.")


@strawberry.type(description="The message is sent again, under the same id.")
class ResendWebhookMessageSuccess:
    """What resendWebhookMessage answers."""

    message: WebhookMessage = strawberry.field(description="The message as it is now.")


@strawberry.type(description="Messages are sent again, each under its id.")
class ResendFailedWebhookMessagesSuccess:
    """What resendFailedWebhookMessages answers."""

    resent: int = strawberry.field(
        description=f"How many, at most {limits.WEBHOOK_RESENDS_MAX}; ask again while it is that many."
    )


def _endpoint_key(input_: _OneEndpoint | UpdateWebhookEndpointInput) -> WebhookEndpointId:
    return WebhookEndpointId(key_of(input_.endpoint_id, WebhookEndpoint, path=("endpoint_id",)))


@strawberry.type
class Mutation:
    """What can be done about webhooks."""

    @mutation(refusals=[ForbiddenAddress, webhooks.UrlUnresolved, webhooks.UnknownEventType, webhooks.TooManyEndpoints])
    async def create_webhook_endpoint(
        self, info: Info, input: CreateWebhookEndpointInput, repeat: Repeat | None
    ) -> CreateWebhookEndpointSuccess:
        """Has an address of your system told what happens, signed by Standard Webhooks. Needs `webhooks.edit`."""
        ctx = info.context.ctx
        await webhooks.check_url(ctx, input.url)

        async def create() -> CreateWebhookEndpointSuccess:
            async with transaction(ctx) as tx:

                async def make() -> tuple[UUID, Secret[str]]:
                    endpoint, secret = await webhooks.create_endpoint(
                        tx, ctx, url=input.url, event_types=input.event_types, description=input.description,
                        concurrency=input.concurrency,
                    )  # fmt: skip
                    return endpoint.id, secret

                made, secret = await shown_once(tx, ctx, repeat, make)
                row = await webhooks.get_endpoint(tx, ctx, WebhookEndpointId(made))
            return CreateWebhookEndpointSuccess(endpoint=WebhookEndpoint.of(row), secret=secret)

        return await retried(create, info, "createWebhookEndpoint")

    @mutation(
        refusals=[ForbiddenAddress, webhooks.UrlUnresolved, webhooks.UnknownEventType, StaleVersion], replays=False
    )
    async def update_webhook_endpoint(
        self, info: Info, input: UpdateWebhookEndpointInput
    ) -> UpdateWebhookEndpointSuccess:
        """Changes what an endpoint is told of, and where. Needs `webhooks.edit`.

        The version makes it repeatable: a second time it is refused as stale.
        """
        ctx, id_ = info.context.ctx, _endpoint_key(input)
        if input.url is not None:
            await webhooks.check_url(ctx, input.url)

        async def update() -> UpdateWebhookEndpointSuccess:
            async with transaction(ctx) as tx:
                row = await webhooks.update_endpoint(
                    tx, ctx, endpoint_id=id_, version=input.version, url=input.url, event_types=input.event_types,
                    description=input.description, concurrency=input.concurrency,
                )  # fmt: skip
            return UpdateWebhookEndpointSuccess(endpoint=WebhookEndpoint.of(row))

        return await retried(update, info, "updateWebhookEndpoint")

    @mutation()
    async def delete_webhook_endpoint(
        self, info: Info, tx: Tx, input: DeleteWebhookEndpointInput
    ) -> DeleteWebhookEndpointSuccess:
        """Ends an endpoint for good: its secrets are gone, and what was still to be sent is dropped."""
        await webhooks.delete_endpoint(tx, info.context.ctx, endpoint_id=_endpoint_key(input))
        return DeleteWebhookEndpointSuccess(deleted_endpoint_id=input.endpoint_id)

    @mutation()
    async def enable_webhook_endpoint(
        self, info: Info, tx: Tx, input: EnableWebhookEndpointInput
    ) -> EnableWebhookEndpointSuccess:
        """Has an endpoint hear again; what waited for it is sent now. Needs `webhooks.edit`."""
        row = await webhooks.enable_endpoint(tx, info.context.ctx, endpoint_id=_endpoint_key(input))
        return EnableWebhookEndpointSuccess(endpoint=WebhookEndpoint.of(row))

    @mutation()
    async def disable_webhook_endpoint(
        self, info: Info, tx: Tx, input: DisableWebhookEndpointInput
    ) -> DisableWebhookEndpointSuccess:
        """Has an endpoint hear nothing until it is enabled; what was still to be sent waits. Needs `webhooks.edit`."""
        row = await webhooks.disable_endpoint(tx, info.context.ctx, endpoint_id=_endpoint_key(input))
        return DisableWebhookEndpointSuccess(endpoint=WebhookEndpoint.of(row))

    @mutation()
    async def rotate_webhook_secret(
        self, info: Info, tx: Tx, input: RotateWebhookSecretInput, repeat: Repeat | None
    ) -> RotateWebhookSecretSuccess:
        """Gives an endpoint another secret; until the overlap is over, messages carry a signature of each. Needs `webhooks.edit`."""
        ctx, id_ = info.context.ctx, _endpoint_key(input)

        async def make() -> tuple[UUID, Secret[str]]:
            return id_, await webhooks.rotate_secret(tx, ctx, endpoint_id=id_, overlap_hours=input.overlap_hours)

        _, secret = await shown_once(tx, ctx, repeat, make)
        row = await webhooks.get_endpoint(tx, ctx, id_)
        return RotateWebhookSecretSuccess(endpoint=WebhookEndpoint.of(row), secret=secret)

    @mutation(refusals=[webhooks.EndpointDisabled])
    async def send_test_event(self, info: Info, tx: Tx, input: SendTestEventInput) -> SendTestEventSuccess:
        """Sends an endpoint a message of the type `webhook.test`; nothing has happened. Needs `webhooks.edit`."""
        row = await webhooks.send_test(tx, info.context.ctx, endpoint_id=_endpoint_key(input))
        return SendTestEventSuccess(message=WebhookMessage.of(row))

    @mutation(refusals=[webhooks.EndpointDisabled])
    async def resend_webhook_message(
        self, info: Info, tx: Tx, input: ResendWebhookMessageInput
    ) -> ResendWebhookMessageSuccess:
        """Sends a message again, whatever became of it, from the beginning of the schedule. Needs `webhooks.edit`."""
        id_ = WebhookMessageId(key_of(input.message_id, WebhookMessage, path=("message_id",)))
        row = await webhooks.resend_message(tx, info.context.ctx, message_id=id_)
        return ResendWebhookMessageSuccess(message=WebhookMessage.of(row))

    @mutation(refusals=[webhooks.EndpointDisabled])
    async def resend_failed_webhook_messages(
        self, info: Info, tx: Tx, input: ResendFailedWebhookMessagesInput
    ) -> ResendFailedWebhookMessagesSuccess:
        """Sends again what an endpoint did not take since a moment, oldest first. Needs `webhooks.edit`."""
        count = await webhooks.resend_failed(tx, info.context.ctx, endpoint_id=_endpoint_key(input), since=input.since)
        return ResendFailedWebhookMessagesSuccess(resent=count)
