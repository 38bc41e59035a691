"""Connections: pages of a list, by keyset, with a largest page.

    @strawberry.field(description="…")
    async def orders(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Order]:
        page = read_page(first, after, last, before, keys=(datetime, UUID))
        async with info.context.reading() as tx:
            rows = await orders.list_orders(tx, ctx, past=page.bound(2), backward=page.backward, limit=page.limit)
        return connect(page, rows, key=lambda row: (row.created_at, row.id), make=Order.of)

The SQL asks for `page.limit` rows (one more than is shown) on the far side of `page.after`, in the list's order or, for
`last`, in the reverse one (`page.backward`):  `WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2)) ORDER BY
created_at DESC, id DESC LIMIT $3`. The rows are turned back here.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.errors import ApiError
from fondaco_core import limits

T = TypeVar("T")
R = TypeVar("R")

_PAGE = f"at most {limits.PAGE_MAX}"
First = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many from the beginning, {_PAGE}; {limits.PAGE_DEFAULT} when neither is given."
    ),
]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor.")]
Last = Annotated[
    int | None, strawberry.argument(description=f"How many from the end, {_PAGE}; not together with `first`.")
]
Before = Annotated[str | None, strawberry.argument(description="Only what precedes this cursor.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether more follows this page.")
    has_previous_page: bool = strawberry.field(description="Whether something precedes this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first element, null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last element, null on an empty page.")


@strawberry.type(description="One element of a page, with its place in the list.")
class Edge(Generic[T]):
    """Relay's edge."""

    cursor: str = strawberry.field(description="The element's place in the list, for `after` and `before`.")
    node: T = strawberry.field(description="The element.")


async def _no_total() -> int | None:
    return None


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    """Relay's connection, with `nodes` for those who need no cursors."""

    edges: list[Edge[T]] = strawberry.field(description="The elements with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total: strawberry.Private[Callable[[], Any]] = _no_total

    @strawberry.field(description="The elements without cursors.")
    def nodes(self) -> list[T]:
        """The elements."""
        return [edge.node for edge in self.edges]

    @strawberry.field(description="How many the whole list has, where that is cheap to know; else null.")
    async def total_count(self) -> int | None:
        """The length of the list."""
        count: int | None = await self.total()
        return count


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was asked for. `limit` is one more than is shown, to see whether there is another page."""

    size: int
    backward: bool
    after: tuple[Any, ...] | None
    bounded: bool

    @property
    def limit(self) -> int:
        """How many rows to read."""
        return self.size + 1

    def bound(self, width: int) -> tuple[Any, ...]:
        """The cursor's values for SQL, or as many nulls."""
        return self.after if self.after is not None else (None,) * width


def read_page(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    *,
    keys: tuple[type, ...] = (datetime, UUID),
) -> Page:
    """Checks a page's arguments; `keys` are the types of the keyset's columns. Raises BAD_REQUEST."""
    if first is not None and last is not None:
        msg = "Give `first` or `last`, not both."
        raise ApiError(msg)
    if (after is not None and last is not None) or (before is not None and last is None):
        msg = "`after` goes with `first`, `before` goes with `last`."
        raise ApiError(msg)
    size = first if first is not None else last if last is not None else limits.PAGE_DEFAULT
    if not 0 <= size <= limits.PAGE_MAX:
        msg = f"A page has from 0 to {limits.PAGE_MAX} elements, not {size}."
        raise ApiError(msg)
    text = before if last is not None else after
    cursor = read_cursor(text, keys) if text is not None else None
    return Page(size=size, backward=last is not None, after=cursor, bounded=cursor is not None)


def connect(
    page: Page,
    rows: Sequence[R],
    *,
    key: Callable[[R], tuple[Any, ...]],
    make: Callable[[R], T],
    total: Callable[[], Any] = _no_total,
) -> Connection[T]:
    """The connection of the rows that were read for a page, at most `page.limit` of them, nearest to the cursor first."""
    assert len(rows) <= page.limit
    more = len(rows) > page.size
    shown = list(rows[: page.size])
    if page.backward:
        shown.reverse()
    edges = [Edge(cursor=write_cursor(key(row)), node=make(row)) for row in shown]
    info = PageInfo(
        has_next_page=page.bounded if page.backward else more,
        has_previous_page=more if page.backward else page.bounded,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, total=total)


def connect_list(items: Sequence[T], page: Page) -> Connection[T]:
    """The connection of a short list that is in memory as a whole; cursors are places in it. Read the page with `keys=(int,)`."""
    count = len(items)
    at = page.after[0] if page.after is not None else None
    if page.backward:
        end = count if at is None else min(max(at, 0), count)
        start = max(0, end - page.size)
    else:
        start = 0 if at is None else min(max(at + 1, 0), count)
        end = min(count, start + page.size)
    edges = [Edge(cursor=write_cursor((place,)), node=items[place]) for place in range(start, end)]

    async def total() -> int:
        return count

    info = PageInfo(
        has_next_page=end < count,
        has_previous_page=start > 0,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, total=total)


def write_cursor(key: tuple[Any, ...]) -> str:
    """A keyset position as opaque text."""
    return base64.urlsafe_b64encode(
        orjson.dumps([str(part) if isinstance(part, Decimal | UUID) else part for part in key])
    ).decode()


def read_cursor(text: str, keys: tuple[type, ...]) -> tuple[Any, ...]:
    """An opaque position as values of the given types; raises BAD_REQUEST."""
    try:
        parts = orjson.loads(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
        if isinstance(parts, list) and len(parts) == len(keys):
            return tuple(_read_part(part, kind) for part, kind in zip(parts, keys, strict=True))
    except (binascii.Error, ValueError, ArithmeticError, TypeError):
        pass
    msg = "This is not a cursor that was issued here."
    raise ApiError(msg)


def _read_part(part: object, kind: type) -> Any:
    if part is None:
        return None
    if kind is int:
        if isinstance(part, bool) or not isinstance(part, int) or abs(part) >= 2**63:
            raise TypeError
        return part
    if not isinstance(part, str):
        raise TypeError
    if kind is datetime:
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is None:
            raise TypeError
        return moment
    if "\0" in part:
        raise TypeError
    return kind(part)


__all__ = [
    "After",
    "Before",
    "Connection",
    "Edge",
    "First",
    "Info",
    "Last",
    "Page",
    "PageInfo",
    "connect",
    "connect_list",
    "read_page",
]
