"""The short way gives what graphql-core's own way gives, errors included."""

from typing import Any
from uuid import UUID

import pytest
import strawberry
from graphql import execute, parse
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from fondaco_api.graphql.execution import core_of
from fondaco_api.graphql.executor import Executor
from fondaco_api.graphql.node import Node
from fondaco_core.errors import NotFound


@strawberry.interface
class Shape:
    name: str


@strawberry.type
class Point:
    x: int
    y: int | None = None


@strawberry.type
class Circle(Shape):
    centre: Point | None
    centres: list[Point]


@strawberry.type
class Drawing(Node):
    title: str | None
    strict: str
    number: int
    circle: Circle | None
    shape: Shape
    tags: list[str]

    @strawberry.field
    async def later(self) -> Circle | None:
        return circle(None)

    @strawberry.field
    def sibling(self) -> "Drawing | None":
        raise NotFound("drawing")

    @strawberry.field
    async def broken(self) -> int:
        msg = "broken"
        raise ValueError(msg)


def circle(centre: Point | None) -> Circle:
    """A circle with something unusual inside."""
    return Circle(name="circle", centre=centre, centres=[Point(x=1), Point(x=None, y=2)])  # type: ignore[arg-type]


def drawing(**changes: Any) -> Drawing:
    """A drawing in good order."""
    given: dict[str, Any] = {
        "key": UUID(int=1), "title": "t", "strict": "s", "number": 3, "circle": circle(Point(x=1, y=2)),
        "shape": circle(None), "tags": ["a", "b"],
    }  # fmt: skip
    return Drawing(**(given | changes))


@strawberry.type
class Query:
    @strawberry.field
    def drawings(self) -> list[Drawing | None]:
        return [
            drawing(), None, drawing(title=None), drawing(strict=None), drawing(number="three"), drawing(number=2**40),
            drawing(circle=circle(Point(x=None))), drawing(circle=Point(x=1)), drawing(tags=[None]), drawing(shape=None),  # type: ignore[arg-type]
        ]  # fmt: skip


SCHEMA = core_of(strawberry.Schema(Query, types=[Circle]))
DOCUMENTS = [
    "{ drawings { __typename id title number t: title } }",
    "{ drawings { strict } }",
    "{ drawings { number tags circle { name centre { x y } } } }",
    "{ drawings { circle { centres { x y } } later { name centres { y } } } }",
    "{ drawings { shape { __typename name ... on Circle { centre { x } } } title later { name } } }",
    "{ drawings { title broken number } }",
    (
        "{ drawings { title later { centres { x } } sibling { id } ...F } } fragment F on Drawing { title circle { ...C } } "
        "fragment C on Circle { name centre { x } }"
    ),
    "query ($no: Boolean = false) { drawings { id @include(if: $no) title @skip(if: $no) } }",
]


async def ran(document: str, executor: Any) -> tuple[str, list[Any]]:
    """The data, in its order, and the errors of a document."""
    result: Any = execute(SCHEMA, parse(document), executor_class=executor)
    result = result if hasattr(result, "errors") else await result
    errors = [(error.path, error.message) for error in result.errors or [] if "drawing" not in error.message]
    return str(result.data), sorted(errors, key=str)


@pytest.mark.parametrize("document", DOCUMENTS)
async def test_both_ways_give_the_same(document: str) -> None:
    data, errors = await ran(document, Executor)

    assert (data, errors) == await ran(document, StrawberryGraphQLCoreExecutionContext)
    assert "drawings" in data
