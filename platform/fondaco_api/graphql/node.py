"""Node: every object that has an identity, and the two ways to fetch one again.

A type becomes a node by inheriting `Node`, keeping its row's id as `key`, and saying how one is loaded:

    @strawberry.type(description="…")
    class Order(Node):
        @classmethod
        async def load_node(cls, context: Context, key: UUID) -> "Order | None":
            return await context.loaders.load(load_orders, OrderId(key))
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.errors import ApiError
from fondaco_core import limits
from fondaco_core.errors import Invalid, NotAllowed, NotFound, Unauthenticated

_NODES: dict[str, type["Node"]] = {}


# No argument of the constructor: it follows from the key.
_ID: Any = strawberry.field(
    description="An opaque id, unique over all types. It never changes and says nothing to a client."
)
_ID.init = False


@strawberry.interface(description="An object with an identity of its own, which `node(id:)` fetches again.")
class Node:
    """What every object with an identity has."""

    key: strawberry.Private[UUID]

    # Set where the type's name differs from the class's; the name is part of the id, so it never changes afterwards.
    node_name: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _NODES[cls.node_name or cls.__name__] = cls

    id: strawberry.ID = _ID

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Node | None":
        """The object as the asker may see it, or None."""
        raise NotImplementedError(cls.__name__)


def global_id(kind: type[Node] | str, key: UUID) -> str:
    """The opaque id of a node: its type's name and its row's id. By its name where importing the type would be a circle."""
    name = kind if isinstance(kind, str) else kind.node_name or kind.__name__
    return base64.b64encode(f"{name}:{key}".encode()).decode()


# An attribute, not a resolver: every object of every answer has one, and attributes cost a tenth (executor.py).
Node.id = property(lambda self: global_id(type(self), self.key))  # type: ignore[assignment]


def read_global_id(text: str) -> tuple[type[Node], UUID] | None:
    """What an opaque id names, or None when it is not one of ours."""
    try:
        name, _, key = base64.b64decode(text, validate=True).decode("ascii").partition(":")
        kind = _NODES.get(name)
        return (kind, UUID(key)) if kind is not None and len(key) == 36 else None  # noqa: PLR2004 - a UUID's length
    except (binascii.Error, ValueError):
        return None


def noun_of(name: str) -> str:
    """What people call a type of node: `DeliveryLink` is a delivery link."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def key_of(text: str, kind: type[Node], *, path: tuple[str, ...] = ("id",)) -> UUID:
    """The row's id behind an opaque id of an input; another type's id is NotFound, no id at all is Invalid."""
    read = read_global_id(text)
    if read is None:
        raise Invalid("This is not an id that was issued here.", zh="这不是本系统签发的 ID。", path=path)
    if read[0] is not kind:
        raise NotFound(noun_of(kind.node_name or kind.__name__), path=path)
    return read[1]


def keys_of(texts: Sequence[str], kind: type[Node], *, path: tuple[str, ...] = ("ids",)) -> list[UUID]:
    """The rows' ids behind a list of opaque ids."""
    return [key_of(text, kind, path=path) for text in texts]


async def fetch(context: Context, text: str) -> Node | None:
    """The object behind an opaque id as the asker may see it, or None."""
    return await _load(context, *_named(text))


def _named(text: str) -> tuple[type[Node], UUID]:
    read = read_global_id(text)
    if read is None:
        msg = "This is not an id that was issued here."
        raise ApiError(msg)
    return read


async def _load(context: Context, kind: type[Node], key: UUID) -> Node | None:
    try:
        return await kind.load_node(context, key)
    except (NotFound, NotAllowed, Unauthenticated):
        # Whether it exists is told to nobody who may not see it, and one such id spoils no other's answer.
        return None


async def load_named(context: Context, name: str, key: UUID) -> Any:
    """The object of a type that the asking file cannot import, since that type's file imports it; as the asker may see it."""
    return await _NODES[name].load_node(context, key)


@strawberry.type
class Query:
    """Fetching again by id."""

    @strawberry.field(
        description="Fetches any object again by its id; null when it does not exist or you may not see it."
    )
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The object's id.")],
    ) -> Node | None:
        """One object by its id."""
        return await fetch(info.context, id)

    @strawberry.field(
        description="Fetches objects again by their ids, in the same order, null for each that you may not see."
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"Their ids, at most {limits.NODES_MAX}.")],
    ) -> list[Node | None]:
        """Several objects by their ids."""
        if len(ids) > limits.NODES_MAX:
            msg = f"At most {limits.NODES_MAX} ids at once."
            raise ApiError(msg)
        wanted = [_named(text) for text in ids]
        # All at the same time, so that the loaders read them together.
        return list(await asyncio.gather(*(_load(info.context, kind, key) for kind, key in wanted)))


def node_types() -> list[type[Node]]:
    """Every node type of ours that was declared, so that the schema holds those that only `node` reaches."""
    return [kind for kind in _NODES.values() if kind.__module__.startswith(__package__ or "")]
