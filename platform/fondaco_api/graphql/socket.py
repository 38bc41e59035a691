"""Operations over a WebSocket: the sub-protocol graphql-transport-ws, and no other.

Close codes: 4400 not a message of the protocol, 4401 subscribed before the acknowledgement, 4403 the credentials of
`connection_init` are not valid, 4406 another sub-protocol, 4408 no `connection_init` in time, 4409 an id that is in use,
4429 a second `connection_init`, 1013 as many conversations as one client may have.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import orjson
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from fondaco_api.graphql.budget import TooManyStreams
from fondaco_api.graphql.context import Context
from fondaco_api.graphql.execution import Asked, Engine
from fondaco_api.graphql.view import Malformed, dumps, read_parameters
from fondaco_api.http.origins import is_foreign
from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.errors import Unauthenticated
from fondaco_core.logs import get_logger

log = get_logger(__name__)

PROTOCOL = "graphql-transport-ws"
MakeContext = Callable[[HTTPConnection, dict[str, Any]], Awaitable[Context]]


class Closed(Exception):
    """The conversation is to be closed with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class SocketEndpoint:
    """The ASGI application behind /graphql for WebSockets."""

    def __init__(self, engine: Callable[[], Engine], settings: Settings, make_context: MakeContext) -> None:
        self.engine = engine
        self.settings = settings
        self.make_context = make_context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Holds one conversation."""
        socket = WebSocket(scope, receive, send)
        if is_foreign(socket.headers, self.settings.allowed_origins):
            # Before it is accepted, closing a socket is a refusal of the handshake: 403.
            await socket.close()
            return
        if PROTOCOL not in socket.scope.get("subprotocols", []):
            await socket.accept()
            await socket.close(4406, "Subprotocol not acceptable")
            return
        await socket.accept(subprotocol=PROTOCOL)
        await Conversation(socket, self.engine(), self.make_context).hold()


class Conversation:
    """One socket: its asker once begun, and its running operations by id."""

    def __init__(self, socket: WebSocket, engine: Engine, make_context: MakeContext) -> None:
        self.socket = socket
        self.engine = engine
        self.make_context = make_context
        self.parameters: dict[str, Any] | None = None
        self.acknowledged = False
        self.running: dict[str, asyncio.Task[None]] = {}
        # The place among the client's sockets, given back at the end.
        self.place = ExitStack()
        self.ends = asyncio.get_running_loop().time() + limits.SOCKET_MAX_S
        self.begins = asyncio.get_running_loop().time() + limits.SOCKET_INIT_S

    async def hold(self) -> None:
        """Reads messages until somebody closes."""
        try:
            while True:
                await self._handle(await self._next())
        except Closed as closed:
            await self._close(closed)
        except WebSocketDisconnect:
            pass
        finally:
            tasks = list(self.running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.place.close()

    async def _next(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(self.ends if self.parameters is not None else self.begins):
                frame = await self.socket.receive()
        except TimeoutError:
            if self.parameters is None:
                raise Closed(4408, "Connection initialisation timeout") from None
            raise Closed(1001, "The conversation has lasted long enough; come back") from None
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(frame.get("code", 1005))
        text = frame.get("text")
        if text is None or len(text) > limits.SOCKET_MESSAGE_BYTES_MAX:
            raise Closed(4400, "Messages are text of a bounded length")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise Closed(4400, "Messages are JSON") from None
        if not isinstance(message, dict):
            raise Closed(4400, "Messages are JSON objects")
        return message

    async def _handle(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "connection_init"}:
                await self._begin(message.get("payload"))
            case {"type": "ping"}:
                await self._send({"type": "pong"})
            case {"type": "pong"}:
                pass
            case {"type": "subscribe", "id": str(name), "payload": dict(payload)} if name:
                self._subscribe(name, payload)
            case {"type": "complete", "id": str(name)}:
                task = self.running.pop(name, None)
                if task is not None:
                    task.cancel()
            case _:
                raise Closed(4400, "Invalid message")

    async def _begin(self, payload: object) -> None:
        if self.parameters is not None:
            raise Closed(4429, "Too many initialisation requests")
        if payload is not None and not isinstance(payload, dict):
            raise Closed(4400, "Invalid message")
        self.parameters = payload or {}
        try:
            context = await self.make_context(self.socket, self.parameters)
            self.place.enter_context(self.engine.budgets.stream(self.engine.budgets.allowance(context.ctx), "socket"))
        except Unauthenticated:
            raise Closed(4403, "Forbidden") from None
        except TooManyStreams:
            raise Closed(1013, "Too many conversations at once; try again later") from None
        await self._send({"type": "connection_ack"})
        self.acknowledged = True

    def _subscribe(self, name: str, payload: dict[str, Any]) -> None:
        if not self.acknowledged:
            raise Closed(4401, "Unauthorized")
        if name in self.running:
            raise Closed(4409, f"Subscriber for {name[:64]} already exists")
        try:
            asked = read_parameters(payload)
        except Malformed as error:
            raise Closed(4400, error.message) from None
        if len(self.running) >= limits.SOCKET_OPERATIONS_MAX:
            raise Closed(4400, f"At most {limits.SOCKET_OPERATIONS_MAX} operations at once")
        self.running[name] = asyncio.create_task(self._run(name, asked))

    async def _run(self, name: str, asked: Asked) -> None:
        assert self.parameters is not None
        me = asyncio.current_task()
        try:
            # The asker is read again for each operation: a session that has ended in between says nothing any more.
            context = await self.make_context(self.socket, self.parameters)
            answers = self.engine.stream(asked, context)
            try:
                async for answer in answers:
                    if not answer.ran:
                        self.running.pop(name, None)
                        await self._send({"id": name, "type": "error", "payload": answer.body["errors"]})
                        return
                    await self._send({"id": name, "type": "next", "payload": answer.body})
            finally:
                await answers.aclose()
            self.running.pop(name, None)
            await self._send({"id": name, "type": "complete"})
        except Unauthenticated:
            await self._close(Closed(4403, "Forbidden"))
        except (WebSocketDisconnect, RuntimeError):
            # The socket went away between two messages.
            pass
        except Exception as error:
            log.exception("socket.operation_failed", exc_info=error)
            await self._send({"id": name, "type": "complete"})
        finally:
            if self.running.get(name) is me:
                del self.running[name]

    async def _send(self, message: dict[str, Any]) -> None:
        # Text frames: clients of this protocol refuse binary ones.
        await self.socket.send_text(dumps(message).decode())

    async def _close(self, closed: Closed) -> None:
        try:
            await self.socket.close(closed.code, closed.reason)
        except RuntimeError:
            # The other side closed first.
            log.debug("socket.closed_already")
