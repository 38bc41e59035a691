"""schema.graphql is what the code says, and says what everything is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    is_specified_scalar_type,
)

from fondaco_api.graphql.schema import core_schema
from fondaco_ops.schema import print_schema

ROOT = Path(__file__).resolve().parents[2]


def own_types() -> list[Any]:
    """Every type that is ours to describe."""
    types = core_schema().type_map.values()
    return [kind for kind in types if not kind.name.startswith("__") and not is_specified_scalar_type(kind)]


def undescribed() -> Iterator[str]:
    """Everything without a description, by its place in the schema."""
    for kind in own_types():
        if not kind.description:
            yield kind.name
        if isinstance(kind, GraphQLEnumType):
            yield from (f"{kind.name}.{name}" for name, value in kind.values.items() if not value.description)
        if isinstance(kind, GraphQLInputObjectType):
            yield from (f"{kind.name}.{name}" for name, field in kind.fields.items() if not field.description)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                if not field.description:
                    yield f"{kind.name}.{name}"
                yield from (
                    f"{kind.name}.{name}({argument}:)"
                    for argument, given in field.args.items()
                    if not given.description
                )


# Lists that may be null, and what that means. A failure's `path` is null when no field is at fault.
MAY_BE_NULL = {"Listing.sources": "a buyer may not know where a listing is filled from"}


def test_schema_graphql_is_what_the_code_says() -> None:
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == print_schema(), "run `make schema`"


def test_everything_in_the_schema_has_a_description() -> None:
    assert list(undescribed()) == []


def test_every_mutation_answers_a_union_of_its_success_and_failures() -> None:
    mutation = core_schema().mutation_type
    for name, field in mutation.fields.items() if mutation else ():
        assert isinstance(field.type, GraphQLUnionType), name
        assert field.type.name == name[0].upper() + name[1:] + "Result"
        failures = [kind.name for kind in field.type.types if any(each.name == "Failure" for each in kind.interfaces)]
        assert {"InvalidInput", "NotFound", "NotAllowed", "IdempotencyConflict"} <= set(failures), name
        successes = [kind.name for kind in field.type.types if kind.name not in failures]
        assert successes == [name[0].upper() + name[1:] + "Success"]


def test_every_mutation_can_be_repeated_and_takes_one_input_and_how_long_to_wait() -> None:
    mutation = core_schema().mutation_type
    for name, field in mutation.fields.items() if mutation else ():
        assert set(field.args) <= {"input", "idempotencyKey", "waitMs"}, name
        assert "idempotencyKey" in field.args, name
        if "input" in field.args:
            assert str(field.args["input"].type) == name[0].upper() + name[1:] + "Input!"


def test_lists_are_never_null() -> None:
    nullable = [
        f"{kind.name}.{name}"
        for kind in own_types()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        for name, field in kind.fields.items()
        if isinstance(field.type, GraphQLList) and f"{kind.name}.{name}" not in MAY_BE_NULL and name != "path"
    ]

    assert nullable == []


def test_connections_are_paged_by_relays_arguments() -> None:
    for kind in own_types():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for name, field in kind.fields.items():
            named = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            if getattr(named, "name", "").endswith("Connection"):
                assert {"first", "after"} <= set(field.args), f"{kind.name}.{name}"
