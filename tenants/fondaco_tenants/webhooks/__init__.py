"""webhooks: facts told to merchants' own systems (Standard Webhooks).

Owns     webhook_endpoint, webhook_secret, webhook_message, webhook_attempt.
Promises a message holds ids, states and counts, never a code or a contact; a fact is told to an endpoint once, and sent
         until it is taken or three days are over, at least once and always under the same id, in no promised order; every
         attempt is signed with every valid secret and goes to a public address by https, looked at each time; an endpoint
         that does not answer keeps no other waiting.
Stands on tenancy, keyring, http.
"""

from fondaco_tenants.webhooks.errands import check_url, send_due
from fondaco_tenants.webhooks.errors import EndpointDisabled, TooManyEndpoints, UnknownEventType, UrlUnresolved
from fondaco_tenants.webhooks.events import MessagesWaiting
from fondaco_tenants.webhooks.rules import (
    BY_EVENT,
    CATALOGUE,
    SCHEDULE_S,
    TEST,
    AttemptFailure,
    EndpointState,
    MessageState,
    PublicType,
)
from fondaco_tenants.webhooks.service.endpoints import (
    Endpoint,
    SigningSecret,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    endpoints_by_ids,
    get_endpoint,
    list_endpoints,
    merchants_hearing,
    rotate_secret,
    secrets_of,
    update_endpoint,
)
from fondaco_tenants.webhooks.service.messages import (
    Attempt,
    Message,
    forget_old,
    list_attempts,
    list_messages,
    messages_by_ids,
    resend_failed,
    resend_message,
    send_test,
    tell,
)

__all__ = [
    "BY_EVENT",
    "CATALOGUE",
    "SCHEDULE_S",
    "TEST",
    "Attempt",
    "AttemptFailure",
    "Endpoint",
    "EndpointDisabled",
    "EndpointState",
    "Message",
    "MessageState",
    "MessagesWaiting",
    "PublicType",
    "SigningSecret",
    "TooManyEndpoints",
    "UnknownEventType",
    "UrlUnresolved",
    "check_url",
    "create_endpoint",
    "delete_endpoint",
    "disable_endpoint",
    "enable_endpoint",
    "endpoints_by_ids",
    "forget_old",
    "get_endpoint",
    "list_attempts",
    "list_endpoints",
    "list_messages",
    "merchants_hearing",
    "messages_by_ids",
    "resend_failed",
    "resend_message",
    "rotate_secret",
    "secrets_of",
    "send_due",
    "send_test",
    "tell",
    "update_endpoint",
]
