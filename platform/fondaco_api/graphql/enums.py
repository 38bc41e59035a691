"""Enums of the modules as the schema shows them: the same class, with a description for every value.

A statement after the imports, `described(orders.OrderState, "Where an order stands.", PAID="It is paid.", …)`, and then the
enum itself in annotations: `state: orders.OrderState = strawberry.field(description="…")`.
"""

from enum import Enum
from typing import Any, TypeVar, cast

import strawberry

E = TypeVar("E", bound=Enum)


def described(enum: type[E], description: str, *, name: str | None = None, **values: str) -> type[E]:
    """Declares an enum once and gives it back; `values` says what each of its members means, none left out.

    Annotate with the enum itself: type checkers do not take what this gives back for a type.
    """
    missing, strange = set(enum.__members__) - set(values), set(values) - set(enum.__members__)
    assert not missing, f"{enum.__name__}: no description for {sorted(missing)}"
    assert not strange, f"{enum.__name__} has no {sorted(strange)}"
    declared = strawberry.enum(enum, name=name, description=description)
    for value in cast("Any", declared).__strawberry_definition__.values:
        value.description = values[value.name]
    return declared
