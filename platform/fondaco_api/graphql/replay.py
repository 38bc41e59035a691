"""What is kept of a mutation's answer so that a repeated request gets it again: ids and plain values, never codes.

A node in the answer is kept as its id and read again as the asker may see it then; a `Secret` cannot be kept at all.
"""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
import strawberry

from fondaco_api.graphql.context import Context
from fondaco_api.graphql.node import Node, fetch, global_id
from fondaco_core.crypto import keyed_hash
from fondaco_core.errors import Bug, NotFound
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret


@dataclasses.dataclass(frozen=True, slots=True)
class Repeat:
    """A request that may come again; for resolvers whose service keeps the answer itself (parameter `repeat`)."""

    key: str
    operation: str
    input_hash: bytes


def fingerprint(operation: str, arguments: Mapping[str, Any]) -> bytes:
    """A keyed hash of everything a mutation was asked: inputs hold codes, and a plain hash of a code can be guessed."""
    text = orjson.dumps([operation, arguments], default=_plain, option=orjson.OPT_SORT_KEYS)
    return keyed_hash(keyring().lookup_key, "idempotency", text.decode())


def _plain(value: object) -> object:
    if value is strawberry.UNSET:
        return {"unset": True}
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Decimal):
        return str(value)
    msg = f"a {type(value).__name__} cannot be part of a mutation's input"
    raise Bug(msg)


def keep(value: Any) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """A mutation's answer as JSON of ids and plain values."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return value.value
        case str():
            return value
        case UUID():
            return {"uuid": str(value)}
        case datetime():
            return {"time": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case Node():
            return {"node": global_id(type(value), value.key)}
        case list() | tuple():
            return [keep(item) for item in value]
        case _ if dataclasses.is_dataclass(value) and hasattr(type(value), "__strawberry_definition__"):
            fields = {field.name: keep(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
            return {"type": _name_of(type(value)), "fields": fields}
        case _:
            msg = f"a {type(value).__name__} is not kept for repeated requests"
            raise Bug(msg)


async def recall(kept: Any, context: Context, types: Mapping[str, type]) -> Any:  # noqa: PLR0911 - as above
    """The answer that was kept; nodes are read again."""
    match kept:
        case {"uuid": str(text)}:
            return UUID(text)
        case {"time": str(text)}:
            return datetime.fromisoformat(text)
        case {"decimal": str(text)}:
            return Decimal(text)
        case {"node": str(text)}:
            node = await fetch(context, text)
            if node is None:
                raise NotFound("result of the first request")
            return node
        case {"type": str(name), "fields": dict(fields)}:
            values = {field: await recall(value, context, types) for field, value in fields.items()}
            return types[name](**values)
        case list():
            return [await recall(item, context, types) for item in kept]
        case _:
            return kept


def _name_of(kind: type) -> str:
    name: str = kind.__strawberry_definition__.name  # type: ignore[attr-defined]
    return name
