"""Counts the SQL statements that a block sends, without what begins and ends transactions."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from fondaco_core.db import Tx


@contextmanager
def counted() -> Generator[list[str]]:
    """The statements that transactions of this process send while the block lasts, in their order."""
    sent: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fetch", "fetchrow", "fetchval", "execute", "copy", "core"):
            patch.setattr(Tx, name, _counting(getattr(Tx, name), sent))
        yield sent


def _counting(method: Any, sent: list[str]) -> Any:
    async def call(self: Tx, statement: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(str(statement))
        return await method(self, statement, *args, **kwargs)

    return call
