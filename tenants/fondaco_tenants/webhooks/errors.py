"""How webhooks refuse.

Refusal
├── Invalid
│   ├── UnknownEventType     there is no such type of event
│   └── UrlUnresolved        the URL's host has no address that anybody knows
└── Conflict
    ├── TooManyEndpoints     the merchant has as many as it may have
    └── EndpointDisabled     nothing is sent to it until somebody enables it
"""

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid


class UnknownEventType(Invalid):
    """There is no such type of event, or none was named."""

    code = "UNKNOWN_EVENT_TYPE"

    def __init__(self, event_type: str) -> None:
        super().__init__(
            f"There is no event type {event_type[:60]!r}; `webhookEventTypes` lists them."
            if event_type
            else "Name at least one event type; `webhookEventTypes` lists them.",
            zh=f"没有事件类型“{event_type[:60]}”；可用类型见 `webhookEventTypes`。"
            if event_type
            else "请至少选择一个事件类型；可用类型见 `webhookEventTypes`。",
            path=("event_types",),
        )


class UrlUnresolved(Invalid):
    """The URL's host has no address that anybody knows."""

    code = "URL_UNRESOLVED"

    def __init__(self) -> None:
        super().__init__("No address was found for the host of this URL.", zh="无法解析该网址的主机名。", path=("url",))


class TooManyEndpoints(Conflict):
    """The merchant has as many endpoints as it may have; delete one first."""

    code = "TOO_MANY_ENDPOINTS"

    def __init__(self) -> None:
        super().__init__(
            f"A merchant has at most {limits.WEBHOOK_ENDPOINTS_MAX} endpoints; delete one first.",
            zh=f"每个商户最多 {limits.WEBHOOK_ENDPOINTS_MAX} 个回调地址，请先删除一个。",
        )


class EndpointDisabled(Conflict):
    """Nothing is sent to the endpoint until somebody enables it."""

    code = "ENDPOINT_DISABLED"

    def __init__(self) -> None:
        super().__init__(
            "This endpoint is disabled; enable it first, and what waits is sent.",
            zh="该回调地址已停用；请先启用，等待中的消息随后会发送。",
        )
