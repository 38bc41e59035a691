"""Reads a request's body, no more of it than allowed and no slower."""

import asyncio

from starlette.types import Receive, Scope

from fondaco_core import limits


class BodyError(Exception):
    """The body cannot be had; `status` says how to answer, in both languages."""

    def __init__(self, status: int, message: str, zh: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.message_zh = zh

    @classmethod
    def too_large(cls, most: int) -> "BodyError":
        """It has more bytes than it may."""
        return cls(413, f"The body may have {most} bytes.", f"请求体不得超过 {most} 字节。")

    @classmethod
    def cut_off(cls) -> "BodyError":
        """Whoever sent it went away."""
        return cls(400, "The client went away.", "客户端已断开连接。")


async def read_body(scope: Scope, receive: Receive, *, most: int = limits.BODY_BYTES_MAX) -> bytes:
    """The whole body; raises BodyError 413 when it is larger than `most`, 408 when it takes too long."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), None)
    if declared is not None and (not declared.isdigit() or len(declared) > 12 or int(declared) > most):  # noqa: PLR2004 - a number at all
        raise BodyError.too_large(most)
    try:
        async with asyncio.timeout(limits.BODY_READ_S):
            return await _read(receive, most)
    except TimeoutError:
        seconds = f"{limits.BODY_READ_S:.0f}"
        raise BodyError(
            408, f"The body did not arrive within {seconds} seconds.", f"请求体未在 {seconds} 秒内到达。"
        ) from None


async def _read(receive: Receive, most: int) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise BodyError.cut_off()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyError.cut_off()
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise BodyError.too_large(most)
        parts.append(part)
    return b"".join(parts)
