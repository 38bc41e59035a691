"""Text messages by a gateway that speaks HTTP.

    POST <FONDACO_SMS_URL>
    Authorization: Bearer <FONDACO_SMS_TOKEN>
    Idempotency-Key: <id>
    {"id": "…", "to": "+8613800138000", "text": "…"}

Any 2xx says that the gateway has taken the message. 408, 425, 429 and 5xx are asked again later; any other answer is final.
A gateway of another shape is put behind a few lines that translate.
"""

from typing import Final

import orjson

from fondaco_core.http import Reach, Request, Unanswered, send
from fondaco_core.mail import Refused, Undelivered
from fondaco_core.secret import Secret
from fondaco_tenants.delivery.ports import Message

_LATER: Final = frozenset({408, 425, 429})
_TAKEN: Final = 2
_REFUSED: Final = 4


class HttpMessenger:
    """A gateway at an address that the operator configured."""

    def __init__(self, url: str, token: Secret[str] | None) -> None:
        self._url = url
        self._token = token

    async def send(self, message: Message) -> None:
        """Hands a message to the gateway."""
        headers = {"content-type": "application/json", "idempotency-key": message.id}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token.reveal()}"
        body = orjson.dumps({"id": message.id, "to": message.to.reveal(), "text": message.text})
        try:
            answer = await send(Request("POST", self._url, headers=headers, body=body, reach=Reach.CONFIGURED))
        except Unanswered as lost:
            raise Undelivered(sent=lost.sent) from None
        kind = answer.status // 100
        if kind == _TAKEN:
            return
        if kind == _REFUSED and answer.status not in _LATER:
            raise Refused(answer.status)
        raise Undelivered(sent=False, status=answer.status)
