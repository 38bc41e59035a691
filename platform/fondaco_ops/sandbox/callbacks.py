"""Tells shops what happened: signed, again and again until they say that they took it, or for long enough."""

import asyncio
import secrets

from fondaco_core import clock
from fondaco_core.errors import FondacoError
from fondaco_core.http import Reach, send
from fondaco_core.http import Request as Sent
from fondaco_core.logs import get_logger
from fondaco_core.secret import Secret
from fondaco_ops.sandbox import signing
from fondaco_ops.sandbox.book import Book, Callback

log = get_logger(__name__)

# A shop that takes nothing is told so often, each time after twice the pause.
ATTEMPTS_MAX = 10
FIRST_PAUSE_SECONDS = 1.0
# How many are told at once, and how long a shop may need to answer.
AT_ONCE = 20
TIMEOUT_SECONDS = 10.0
IDLE_SECONDS = 30.0
ACCEPTED = b"SUCCESS"


class Caller:
    """Makes the callbacks of a book, as they become due."""

    def __init__(self, book: Book, secret: Secret[str]) -> None:
        self._book = book
        self._secret = secret
        self._bell = asyncio.Event()
        self._under_way: set[int] = set()

    def ring(self) -> None:
        """There may be something to tell."""
        self._bell.set()

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        async with asyncio.TaskGroup() as telling:
            while True:
                self._bell.clear()
                free = AT_ONCE - len(self._under_way)
                now = clock.now().timestamp()
                due = self._book.due_callbacks(now, AT_ONCE + len(self._under_way)) if free > 0 else []
                for callback in [each for each in due if each.number not in self._under_way][:free]:
                    self._under_way.add(callback.number)
                    telling.create_task(self._tell(callback))
                await self._pause(now)

    async def _pause(self, now: float) -> None:
        """Until the next is due, one under way has ended, or somebody rings."""
        at = self._book.next_callback_at()
        # One under way is due all the while; its end rings.
        seconds = IDLE_SECONDS if at is None or self._under_way else max(0.0, min(IDLE_SECONDS, at - now))
        if self._under_way and at is not None and at > now:
            seconds = min(IDLE_SECONDS, at - now)
        try:
            async with asyncio.timeout(max(0.01, seconds)):
                await self._bell.wait()
        except TimeoutError:
            pass

    async def _tell(self, callback: Callback) -> None:
        """One attempt, and what came of it."""
        answered: int | None = None
        taken = False
        try:
            answer = await send(self._message(callback))
            answered, taken = answer.status, answer.status == 200 and answer.body.strip() == ACCEPTED  # noqa: PLR2004 - OK
        except FondacoError as failure:
            log.info("callback.unanswered", payment=callback.payment_id, why=type(failure).__name__)
        now = clock.now().timestamp()
        attempts = callback.attempts + 1
        ended = taken or attempts >= ATTEMPTS_MAX
        due_at = now + FIRST_PAUSE_SECONDS * 2 ** (attempts - 1)
        self._book.note_callback(callback.number, answered=answered, ended_at=now if ended else None, due_at=due_at)
        self._under_way.discard(callback.number)
        self.ring()

    def _message(self, callback: Callback) -> Sent:
        payment = self._book.payment(callback.payment_id)
        assert payment is not None
        # Who forges has another secret.
        secret = Secret(secrets.token_hex(16)) if callback.forged else self._secret
        now = int(clock.now().timestamp())
        headers = signing.signed(secret, signing.Kind.NOTIFICATION, callback.payment_id, callback.body, now=now)
        return Sent(
            "POST", payment.notify_url, headers={**headers, "content-type": "application/json"}, body=callback.body,
            timeout_s=TIMEOUT_SECONDS, reach=Reach.CONFIGURED,
        )  # fmt: skip
