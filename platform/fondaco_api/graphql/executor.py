"""The executor: graphql-core's, with a short way for what most of an answer is made of, and NotFound as null.

Most fields of an answer are attributes of an object that is there already: values, and objects of one known type. They
need neither a path nor an info nor a resolver call, each of which costs more than the value. Where anything is unusual
(an error, a null where there may be none, something to wait for), the field goes graphql-core's own way.
"""

from collections.abc import Awaitable, Callable
from operator import attrgetter
from types import CoroutineType, NoneType
from typing import Any, NamedTuple, TypeGuard, cast

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    Undefined,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

from fondaco_core.errors import NotFound

_PLAIN = frozenset({str, int, bool, float, NoneType, list, dict})


def is_awaitable(value: Any) -> TypeGuard[Awaitable[Any]]:
    """Whether a resolver's value has to be awaited; plain values are told at once."""
    kind = type(value)
    return kind not in _PLAIN and (kind is CoroutineType or hasattr(kind, "__await__"))


class Attribute(NamedTuple):
    """A field that is an attribute, or computed from the object alone: a value, made ready by `coerce`, or an object of `below`."""

    read: Callable[[Any], Any]
    coerce: Callable[[Any], Any] | None
    below: GraphQLObjectType | None
    nullable: bool


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Runs one operation."""

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """The fields of an object: values that are attributes at once, the others graphql-core's way, in the order asked for."""
        attributes = attributes_of(parent_type)
        results: dict[str, Any] = dict.fromkeys(grouped_field_set)
        others: dict[str, Any] = {}
        for response_name, details in grouped_field_set.items():
            field_name = details[0].node.name.value
            attribute = attributes.get(field_name)
            if attribute is not None and attribute.coerce is not None:
                value = ready(attribute, source_value)
                if value is not UNREADY:
                    results[response_name] = value
                    continue
            elif field_name == "__typename":
                results[response_name] = parent_type.name
                continue
            others[response_name] = details
        if not others:
            return results
        made: Any = super().execute_fields(parent_type, source_value, path, others, position_context)
        if is_awaitable(made):
            return _merged(results, made)
        results.update(made)
        return results

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, field_details_list: Any, path: Any, position_context: Any
    ) -> Any:
        """One field; an attribute that is an object of a known type needs no resolver."""
        name = field_details_list[0].node.name.value
        attribute = attributes_of(parent_type).get(name)
        if attribute is not None and attribute.below is not None:
            value = ready(attribute, source)
            if value is None:
                return None
            if value is not UNREADY and is_of(attribute.below, value):
                return_type = parent_type.fields[name].type
                return self._object(attribute.below, value, return_type, field_details_list, path, position_context)
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    def complete_list_item_value(  # noqa: PLR0917 - graphql-core's signature
        self,
        item: Any,
        complete_results: list[Any],
        item_type: Any,
        field_details_list: Any,
        info: Any,
        item_path: Any,
        position_context: Any,
    ) -> bool:
        """One element of a list, and whether it has to be awaited; an object of a known type is taken as it is."""
        kind = item_type.of_type if isinstance(item_type, GraphQLNonNull) else item_type
        if item is None or not isinstance(kind, GraphQLObjectType) or not is_of(kind, item):
            return super().complete_list_item_value(
                item, complete_results, item_type, field_details_list, info, item_path, position_context
            )
        made = self._object(kind, item, item_type, field_details_list, item_path, position_context)
        complete_results.append(made)
        return is_awaitable(made)

    def _object(  # noqa: PLR0917 - what graphql-core hands from call to call
        self, kind: GraphQLObjectType, value: Any, return_type: Any, details: Any, path: Any, position_context: Any
    ) -> Any:
        grouped_field_set, _, _ = self.collect_subfields(kind, details)
        try:
            made = self.execute_fields(kind, value, path, grouped_field_set, position_context)
        except Exception as error:  # noqa: BLE001 - an error of a field is the field's, as everywhere in graphql-core
            self.handle_field_error(error, return_type, details, path)
            return None
        return self._settled(made, return_type, details, path) if is_awaitable(made) else made

    async def _settled(self, made: Awaitable[Any], return_type: Any, details: Any, path: Any) -> Any:
        try:
            return await made
        except Exception as error:  # noqa: BLE001 - as above
            self.handle_field_error(error, return_type, details, path)
            return None

    def handle_field_error(self, raw_error: Exception, return_type: Any, field_details_list: Any, path: Any) -> None:
        """Keeps quiet about NotFound at a nullable field; everything else is collected."""
        cause: BaseException | None = raw_error
        while isinstance(cause, GraphQLError):
            cause = cause.original_error
        errors = self.collected_errors.errors
        known = len(errors)
        super().handle_field_error(raw_error, return_type, field_details_list, path)
        if isinstance(cause, NotFound) and len(errors) > known:
            errors.pop()


async def _merged(results: dict[str, Any], made: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    results.update(await made)
    return results


# What graphql-core has to look at: a null where there may be none, or something that went wrong.
UNREADY: Any = object()


def ready(attribute: Attribute, source: Any) -> Any:
    """An attribute as the answer shows it, or UNREADY when something is wrong with it: graphql-core will say what."""
    try:
        value = attribute.read(source)
        if value is None:
            return None if attribute.nullable else UNREADY
        coerced = value if attribute.coerce is None else attribute.coerce(value)
    except Exception:  # noqa: BLE001 - met again, and reported at its place, on graphql-core's own way
        return UNREADY
    return UNREADY if coerced is Undefined or coerced is None else coerced


def is_of(kind: GraphQLObjectType, value: Any) -> bool:
    """Whether a value is plainly an object of the type: it need not be asked, or its class is the type's very own."""
    return kind.is_type_of is None or type(value) is _definition(kind).origin


def _definition(described: Any) -> Any:
    """What Strawberry knows of a type or field."""
    return described.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)


def attributes_of(kind: GraphQLObjectType) -> dict[str, Attribute]:
    """The fields of a type that are attributes; worked out once."""
    known = _attributes.get(kind)
    if known is None:
        found = ((name, _attribute(field)) for name, field in kind.fields.items())
        known = _attributes[kind] = {name: attribute for name, attribute in found if attribute is not None}
    return known


# By the type itself: there are as many as the schema has.
_attributes: dict[GraphQLObjectType, dict[str, Attribute]] = {}


def _attribute(field: GraphQLField) -> Attribute | None:
    definition = _definition(field)
    read = None if definition is None or field.args else _reader(definition)
    if read is None:
        return None
    nullable = not isinstance(field.type, GraphQLNonNull)
    kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    if isinstance(kind, GraphQLEnumType):
        return Attribute(read, _enum_names(kind).get, None, nullable)
    if isinstance(kind, GraphQLScalarType):
        return Attribute(read, kind.coerce_output_value, None, nullable)
    if isinstance(kind, GraphQLObjectType):
        return Attribute(read, None, kind, nullable)
    return None


def _reader(definition: Any) -> Callable[[Any], Any] | None:
    """How a field is read from its object alone: an attribute, or a method that asks for nothing and waits for nothing."""
    if definition.is_basic_field:
        return attrgetter(definition.python_name)
    resolver = definition.base_resolver
    if resolver is None:
        return None
    alone = (
        not resolver.is_async
        and resolver.self_parameter is not None
        and len(resolver.signature.parameters) == 1
        and not definition.permission_classes
        and not definition.extensions
    )
    return cast("Callable[[Any], Any]", resolver.wrapped_func) if alone else None


def _enum_names(kind: GraphQLEnumType) -> dict[Any, str]:
    """An enum's names by its values and by its Python members."""
    names = {value.value: name for name, value in kind.values.items()}
    wrapped: Any = getattr(kind, "wrapped_cls", None)
    members = {} if wrapped is None else {member: names[member.value] for member in wrapped if member.value in names}
    return {**names, **members}
