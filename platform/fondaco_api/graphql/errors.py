"""Refusals as union members of mutations; every other error masked.

Two ways out of a resolver, and no third:

* a mutation answers a `Refusal` with a type that implements `Failure` (see `failure` and transaction.py);
* everything else becomes an entry of `errors` with one of the codes of `ErrorCode`, and says no more than that.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, cast

import asyncpg
import strawberry
from graphql import GraphQLError
from strawberry.types.enum import EnumValue

from fondaco_api.graphql.enums import described
from fondaco_core.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Refusal,
    SecondFactorNeeded,
    StaleVersion,
    Unauthenticated,
)
from fondaco_core.ids import new_id
from fondaco_core.logs import get_logger

if TYPE_CHECKING:
    from fondaco_api.graphql.context import Context

log = get_logger(__name__)

# Where graphql-core repeats a value that it was given: a code in the wrong place would stand in the client's error reports.
_VALUE = re.compile(
    r"(?<=value: ).+|(?<=found: ).+|(?<=found String ).+|(?<=^Value ).+(?= does not exist)|(?<=: Value ).+(?= does not exist)",
    re.DOTALL,
)


class ErrorCode(StrEnum):
    """Everything that `errors[].extensions.code` may say."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    THROTTLED = "THROTTLED"
    QUERY_TOO_COSTLY = "QUERY_TOO_COSTLY"
    BAD_REQUEST = "BAD_REQUEST"
    INTERNAL = "INTERNAL"


class ApiError(GraphQLError):
    """An error whose text and code the client may read as they are."""

    def __init__(self, message: str, *, code: ErrorCode = ErrorCode.BAD_REQUEST, **data: object) -> None:
        super().__init__(message, extensions={"code": code.value, **data})
        self.code = code


class FailureCode(StrEnum):
    """The codes every mutation may answer with; `failure` adds those of the modules."""

    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    NOT_ALLOWED = "NOT_ALLOWED"
    CONFLICT = "CONFLICT"


described(
    FailureCode,
    "The stable name of a refusal. Programs decide by it; texts may change.",
    INVALID_INPUT="The input makes no sense; `path` names the field, `message` what was expected.",
    NOT_FOUND="It does not exist, or you may not know that it does.",
    NOT_ALLOWED="You may know that it exists, and may not do this.",
    CONFLICT="It made sense a moment ago, and does not any more.",
)


@strawberry.interface(
    description="A named refusal of a mutation. Nothing was changed; what the client needs to go on is in the type."
)
class Failure:
    """What every refusal tells; modules add their data in subclasses under `@failure(...)`."""

    code: FailureCode = strawberry.field(description="The stable name of the refusal.")
    message: str = strawberry.field(description="One sentence for people, in the viewer's language.")
    path: list[str] | None = strawberry.field(
        description="The input field at fault, as a path from the mutation's arguments; null when no field is."
    )

    @classmethod
    def data(cls, refusal: Any, context: "Context") -> dict[str, Any]:
        """The refusal's extra data as this type's fields; by default the attributes of the same names."""
        _ = context
        names = (field.name for field in dataclasses.fields(cast("Any", cls)))
        return {name: getattr(refusal, name) for name in names if name not in _BASE_FIELDS}


# The one argument of mutations that stands beside their input.
KEY_ARGUMENT = "idempotencyKey"

_BASE_FIELDS = frozenset({"code", "message", "path"})
_TYPES: dict[type[Refusal], type[Failure]] = {}
_CODES: dict[str, str] = {}

FailureT = TypeVar("FailureT", bound=Failure)


def failure(refusal: type[Refusal], *, name: str | None = None) -> Callable[[type[FailureT]], type[FailureT]]:
    """Makes a subclass of `Failure` the GraphQL type of a refusal; its docstring becomes the description."""

    def declare(cls: type[FailureT]) -> type[FailureT]:
        assert refusal not in _TYPES, f"{refusal.__name__} has a type already"
        made = strawberry.type(
            cls, name=name or cls.__name__, description=_first_paragraph(cls.__doc__ or refusal.__doc__)
        )
        _TYPES[refusal] = made
        _declare_code(refusal)
        return made

    return declare


def failure_type(refusal: type[Refusal]) -> type[Failure]:
    """The GraphQL type of a refusal; one without extra data needs no declaration and is made here.

    Two modules may say the same thing, each with a refusal of its own: of one name and code, they are one type.
    """
    known = _TYPES.get(refusal)
    if known is not None:
        return known
    same = next((other for other in _TYPES if other.__name__ == refusal.__name__), None)
    if same is not None:
        assert same.code == refusal.code, f"{refusal.__name__} stands for two codes"
        _TYPES[refusal] = _TYPES[same]
        return _TYPES[same]
    made = type(refusal.__name__, (Failure,), {"__doc__": refusal.__doc__, "__module__": refusal.__module__})
    return failure(refusal)(made)


def declared_failures() -> Mapping[type[Refusal], type[Failure]]:
    """Every refusal that has a type of its own."""
    return _TYPES


def to_failure(
    refusal: Refusal, declared: Mapping[type[Refusal], type[Failure]], context: "Context", *, prefix: str | None
) -> Failure | None:
    """The union member for a refusal, by its class or the nearest declared ancestor; None when there is none."""
    for ancestor in type(refusal).__mro__:
        made = declared.get(ancestor)
        if made is not None:
            code = refusal.code if refusal.code in _CODES else cast("type[Refusal]", ancestor).code
            path = [camel(part) for part in refusal.path]
            if prefix is not None and path and path != [KEY_ARGUMENT]:
                path = [prefix, *path]
            return made(
                code=cast("FailureCode", code),
                message=refusal.message_zh if context.locale == "zh-CN" else refusal.message,
                path=path or None,
                **(made.data(refusal, context)),
            )
    return None


def camel(name: str) -> str:
    """A Python name as the schema spells it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _declare_code(refusal: type[Refusal]) -> None:
    if refusal.code in _CODES:
        return
    description = _first_paragraph(refusal.__doc__)
    _CODES[refusal.code] = description
    values = cast("Any", FailureCode).__strawberry_definition__.values
    if all(value.name != refusal.code for value in values):
        values.append(EnumValue(refusal.code, refusal.code, description=description))
        values.sort(key=lambda value: value.name)


def _first_paragraph(text: str | None) -> str:
    assert text, "a refusal says in its docstring what is the case"
    return " ".join(text.strip().split("\n\n")[0].split())


@failure(Invalid, name="InvalidInput")
class InvalidInputFailure(Failure):
    """The input makes no sense, whatever the state of the world."""


@failure(NotFound, name="NotFound")
class NotFoundFailure(Failure):
    """It does not exist, or you may not know that it does."""


@failure(NotAllowed, name="NotAllowed")
class NotAllowedFailure(Failure):
    """You may know that it exists, and may not do this."""

    permission: str = strawberry.field(description="The permission that is missing, for example `orders.refund`.")


@failure(SecondFactorNeeded, name="SecondFactorNeeded")
class SecondFactorNeededFailure(NotAllowedFailure):
    """This takes a second factor: set one up first, or show it again."""

    enrol: bool = strawberry.field(description="Whether there is none yet: set one up first. Else show it again.")


@failure(Conflict, name="Conflict")
class ConflictFailure(Failure):
    """It made sense a moment ago, and does not any more."""


@failure(StaleVersion, name="StaleVersion")
class StaleVersionFailure(Failure):
    """Somebody else changed the thing since you read it; read it again and decide again."""

    current_version: int = strawberry.field(description="The version it is at now.")


# What any mutation may refuse with; the rest is declared at the mutation.
COMMON: tuple[type[Refusal], ...] = (Invalid, NotFound, NotAllowed, Conflict)


def format_errors(errors: Sequence[GraphQLError], context: "Context | None") -> list[dict[str, Any]]:
    """The errors as the client may see them; what went wrong inside is logged under an id, and only the id is told."""
    return [_format_error(error, context) for error in errors]


def _format_error(error: GraphQLError, context: "Context | None") -> dict[str, Any]:
    original = _original(error)
    chinese = context is not None and context.locale == "zh-CN"
    extensions = error.extensions or {}
    match original:
        case _ if extensions.get("code") in ErrorCode.__members__:
            text, told = error.message, extensions
        case Unauthenticated():
            text = "请先登录。" if chinese else "Sign in first, or send valid credentials."
            told = {"code": "UNAUTHENTICATED"}
        case NotAllowed():
            text, told = original.message_zh if chinese else original.message, {"code": "FORBIDDEN"}
        case Refusal():
            text, told = original.message_zh if chinese else original.message, {"code": "BAD_REQUEST"}
        case asyncpg.CharacterNotInRepertoireError():
            # The one character that JSON has and PostgreSQL's text has not.
            text = "文本不能包含字符 U+0000。" if chinese else "A text cannot hold the character U+0000."
            told = {"code": "BAD_REQUEST"}
        case _ if error.path is None and (original is None or isinstance(original, GraphQLError | ValueError)):
            # Before anything ran: syntax, validation, variables. The text speaks of the client's own document.
            text, told = _VALUE.sub("…", error.message), {"code": "BAD_REQUEST"}
        case _:
            text = _masked(original or error, error, context, chinese=chinese)
            told = {"code": "INTERNAL", "id": _id(context)}
    return _shape(error, text, told)


def _masked(original: BaseException, error: GraphQLError, context: "Context | None", *, chinese: bool) -> str:
    path = ".".join(str(part) for part in error.path or [] if isinstance(part, str))
    log.error("graphql.internal_error", id=_id(context), field=path, exc_info=original)
    return (
        "服务器出错了；请提供此编号以便查询。"
        if chinese
        else "Something went wrong here; quote this id when you ask about it."
    )


def _id(context: "Context | None") -> str:
    return context.ctx.request_id if context is not None and context.ctx.request_id else new_id().hex


def _shape(error: GraphQLError, message: str, extensions: Mapping[str, object]) -> dict[str, Any]:
    shaped: dict[str, Any] = {"message": message}
    if error.locations:
        shaped["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        shaped["path"] = error.path
    shaped["extensions"] = dict(extensions)
    return shaped


def _original(error: GraphQLError) -> BaseException | None:
    original: BaseException | None = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    return original
