"""Whatever is said not to be there, or to have changed, is named in Chinese, too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLInterfaceType

from fondaco_api.graphql.node import noun_of
from fondaco_api.graphql.schema import core_schema
from fondaco_core.errors import NotFound, StaleVersion

ROOT = Path(__file__).parents[2]


def nouns_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in {"NotFound", "StaleVersion"} and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def nodes() -> set[str]:
    schema = core_schema()
    kind = schema.type_map["Node"]
    assert isinstance(kind, GraphQLInterfaceType)
    return {noun_of(each.name) for each in schema.get_implementations(kind).objects}


NOUNS = sorted(
    nodes()
    | {
        noun
        for top in ("platform", "tenants", "workers")
        for path in (ROOT / top).rglob("*.py")
        for noun in nouns_of(path)
    }
)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_thing_that_is_refused_by_its_name_has_one_in_chinese(noun: str) -> None:
    missing, stale = NotFound(noun), StaleVersion(noun, current_version=2)

    # What stands here in Latin letters stands so in Chinese as well.
    for message in (missing.message_zh, stale.message_zh):
        words = {word for word in noun.split() if word not in {"id", "api", "webhook"}}
        assert not any(word in message for word in words), message
        assert message.isascii() is False


def test_the_nouns_are_found() -> None:
    assert {"order", "delivery link", "key change", "gift", "export"} <= set(NOUNS)
