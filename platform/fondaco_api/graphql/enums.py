"""Enums of the modules as the schema shows them: the same class, with a description for every value.

    OrderState = described(orders.OrderState, "The states of an order.", PENDING_PAYMENT="It waits to be paid.", …)
"""

from enum import Enum
from typing import Any, TypeVar, cast

import strawberry

E = TypeVar("E", bound=Enum)


def described(enum: type[E], description: str, *, name: str | None = None, **values: str) -> type[E]:
    """Declares an enum once; `values` says what each of its members means, none left out."""
    missing, strange = set(enum.__members__) - set(values), set(values) - set(enum.__members__)
    assert not missing, f"{enum.__name__}: no description for {sorted(missing)}"
    assert not strange, f"{enum.__name__} has no {sorted(strange)}"
    declared = strawberry.enum(enum, name=name, description=description)
    for value in cast("Any", declared).__strawberry_definition__.values:
        value.description = values[value.name]
    return declared
