"""Batched reads, one set per request.

A batch function takes the context and the keys and answers in the order of the keys, each batch in its own short
`reading(ctx)`: sibling fields are resolved at the same time and must not share a connection.

    async def load_orders(context: Context, ids: list[OrderId]) -> list[Order | None]: ...

    order = await info.context.loaders.load(load_orders, order_id)
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from strawberry.dataloader import DataLoader

from fondaco_core import limits

if TYPE_CHECKING:
    from fondaco_api.graphql.context import Context

K = TypeVar("K")
V = TypeVar("V")
Batch = Callable[["Context", list[K]], Awaitable[Sequence[V]]]


class Loaders:
    """One data loader for each batch function, made when it is first asked for."""

    __slots__ = ("_cache", "_context", "_loaders")

    def __init__(self, context: "Context", *, cache: bool = True) -> None:
        self._context = context
        # A subscription lives long and must see what is true now: it batches, and remembers nothing.
        self._cache = cache
        self._loaders: dict[Any, DataLoader[Any, Any]] = {}

    def of(self, batch: Batch[K, V]) -> DataLoader[K, V]:
        """The loader of a batch function."""
        loader = self._loaders.get(batch)
        if loader is None:
            context = self._context

            async def load(keys: list[Any]) -> Sequence[Any]:
                values = await batch(context, keys)
                assert len(values) == len(keys), (
                    f"{getattr(batch, '__name__', batch)} answered {len(values)} of {len(keys)} keys"
                )
                return values

            loader = self._loaders[batch] = DataLoader(
                load, cache=self._cache, max_batch_size=limits.PAGE_MAX * limits.PAGE_MAX
            )
        return loader

    async def load(self, batch: Batch[K, V], key: K) -> V:
        """One value by its key, read together with all others that are asked for at the same time."""
        return await self.of(batch).load(key)

    async def load_many(self, batch: Batch[K, V], keys: Sequence[K]) -> list[V]:
        """Several values by their keys, in their order."""
        return await self.of(batch).load_many(keys)

    def clear(self) -> None:
        """Forgets everything that was read; a mutation does so before its result is read and before it is tried again."""
        self._loaders.clear()
