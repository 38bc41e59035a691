"""What merchants' systems hear: every type is documented, names what its event says, and can carry no code."""

import base64
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

import fondaco_core
import fondaco_tenants
from fondaco_api.graphql.schema import core_schema
from fondaco_core.errors import Bug
from fondaco_core.outbox import Event
from fondaco_core.secret import Secret
from fondaco_tenants.webhooks import CATALOGUE, TEST, PublicType, rules
from fondaco_tenants.webhooks.rules import Kind
from tests.support.world import node_id

ROOT = Path(__file__).resolve().parents[3]
# As a card's number, a redemption link, a contact and a PIN look.
CANARIES = ("K7QF-93XP-CANARY-55", "https://redeem.example/?c=CANARY9", "buyer@canary.example", "0042", "canary")


def events() -> Iterator[type[Event]]:
    for package in (fondaco_core, fondaco_tenants):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith(".events"):
                yield from (
                    event
                    for event in vars(importlib.import_module(found.name)).values()
                    if isinstance(event, type) and issubclass(event, Event) and event.name
                )


def said(public: PublicType, value: object) -> dict[str, Any]:
    """What an event would say if each of its fields were such a value."""
    return {field.source: value for field in public.fields} | {"code": CANARIES[0], "contact": CANARIES[2]}


def example_of(public: PublicType) -> dict[str, Any]:
    """What an event says that is told as the example."""
    plain = {field.source: field.example for field in public.fields}
    return plain | {field.source: str(uuid4()) for field in public.fields if field.kind is Kind.ID}


def documented(public: PublicType) -> str:
    """How docs/webhooks.md tells of a type."""
    rows = "".join(f"| `{field.name}` | {field.says} |\n" for field in public.fields)
    example = orjson.dumps(public.example, option=orjson.OPT_INDENT_2).decode()
    return f"### `{public.name}`\n\n{public.says}\n\n| field | |\n| --- | --- |\n{rows}\n```json\n{example}\n```\n"


@pytest.mark.parametrize("public", CATALOGUE, ids=lambda public: public.name)
def test_a_type_tells_of_what_its_event_says(public: PublicType) -> None:
    event = next(event for event in events() if event.name == public.event)

    assert {field.source for field in public.fields} <= {field.name for field in fields(event)}
    assert len({field.name for field in public.fields}) == len(public.fields)


@pytest.mark.parametrize("public", CATALOGUE, ids=lambda public: public.name)
def test_no_field_of_a_type_can_carry_a_code_or_a_contact(public: PublicType) -> None:
    for canary in CANARIES:
        for field in public.fields:
            with pytest.raises(Bug) as raised:
                rules.public_payload(public.event, example_of(public) | {field.source: canary})
            assert canary not in str(raised.value)

    _, told = rules.public_payload(public.event, said(public, None) | example_of(public))
    assert set(told) == {field.name for field in public.fields}
    assert not any(canary in str(value) for canary in CANARIES[:3] for value in told.values())


@pytest.mark.parametrize("public", [*CATALOGUE, TEST], ids=lambda public: public.name)
def test_every_type_is_documented_with_an_example(public: PublicType) -> None:
    assert documented(public) in (ROOT / "docs" / "webhooks.md").read_text()


def test_an_id_is_the_one_that_graphql_fetches_by() -> None:
    key = uuid4()

    assert rules.opaque_id("Order", key) == node_id("Order", key)
    assert {field.node for public in CATALOGUE for field in public.fields if field.node} <= set(core_schema().type_map)


def test_names_are_dotted_words_and_in_no_other_case() -> None:
    for public in CATALOGUE:
        assert all(part.replace("_", "").islower() for part in public.name.split(".")), public.name


def test_the_vector_of_the_standard_is_signed_as_it_says() -> None:

    secret = Secret(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    made = rules.signatures(
        [secret], name="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1_614_265_330, body=b'{"test": 2432232314}'
    )

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
