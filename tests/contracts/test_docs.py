"""What the documents tell people to ask and to set is there."""

import re
from pathlib import Path

import pytest
from graphql import DocumentNode, OperationDefinitionNode, parse, specified_rules, validate
from graphql.language import FragmentDefinitionNode
from graphql.validation import LoneAnonymousOperationRule

from fondaco_api.graphql.schema import core_schema

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^[ ]*```graphql\n(.*?)^[ ]*```$", re.DOTALL | re.MULTILINE)
# A document may show several operations one after the other; each is sent alone.
RULES = [rule for rule in specified_rules if rule is not LoneAnonymousOperationRule]
SETTING = re.compile(r"\bFONDACO_[A-Z][A-Z_]*[A-Z]\b")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[DocumentNode]:
    return [parse(text) for text in BLOCK.findall(read(name))]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_query_of_a_document_is_one_that_the_schema_takes(name: str) -> None:
    schema = core_schema()

    found = [error for block in blocks(name) for error in validate(schema, block, RULES)]

    assert found == []
    kinds = {type(definition) for block in blocks(name) for definition in block.definitions}
    assert kinds <= {OperationDefinitionNode, FragmentDefinitionNode}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_setting_that_a_document_names_is_read(name: str) -> None:
    config = read("platform/fondaco_core/config.py")

    assert {setting for setting in SETTING.findall(read(name)) if f'"{setting}"' not in config} == set()


def test_the_documents_of_graphql_have_something_to_check() -> None:
    assert sum(len(blocks(name)) for name in DOCUMENTS) >= 15


def test_the_help_names_every_setting() -> None:
    told = set(SETTING.findall(read("platform/fondaco_ops/__main__.py")))

    assert set(SETTING.findall(read("platform/fondaco_core/config.py"))) - told == set()
