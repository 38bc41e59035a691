"""Pure decisions of webhooks: what is told of which fact, and when and how it is sent."""

from fondaco_tenants.webhooks.rules.catalogue import (
    API_VERSION,
    BY_EVENT,
    BY_TYPE,
    CATALOGUE,
    TEST,
    checked_types,
    public_payload,
)
from fondaco_tenants.webhooks.rules.forms import Field, Kind, PublicType, opaque_id
from fondaco_tenants.webhooks.rules.sending import (
    SCHEDULE_S,
    AttemptFailure,
    EndpointState,
    MessageState,
    Outcome,
    after_attempt,
    body_of,
    cleaned_answer,
    message_name,
    new_secret_text,
    retry_after_s,
    signatures,
)

__all__ = [
    "API_VERSION",
    "BY_EVENT",
    "BY_TYPE",
    "CATALOGUE",
    "SCHEDULE_S",
    "TEST",
    "AttemptFailure",
    "EndpointState",
    "Field",
    "Kind",
    "MessageState",
    "Outcome",
    "PublicType",
    "after_attempt",
    "body_of",
    "checked_types",
    "cleaned_answer",
    "message_name",
    "new_secret_text",
    "opaque_id",
    "public_payload",
    "retry_after_s",
    "signatures",
]
