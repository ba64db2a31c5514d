"""What `Annotated` says of a type, as schemas show it: texts are descriptions, bounds of other libraries are bounds."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from llamabot.ports.errors import ToolDefinitionError

__all__ = ["alternatives", "bare", "describe_fields", "readable"]

_FOREIGN = ("annotated_types", "pydantic")
_TOLD = ("description", "title", "ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")


def bare(type_: Any) -> Any:
    """Return a type without what is annotated."""
    return type_.__origin__ if get_origin(type_) is Annotated else type_


def alternatives(type_: Any) -> tuple[Any, ...]:
    """Return the members of a union, () for anything else."""
    plain = bare(type_)
    return get_args(plain) if get_origin(plain) in (Union, UnionType) else ()


def readable(type_: Any, where: str) -> Any:
    """Return a type whose annotations, inner ones too, are those that msgspec knows.

    A text at one of several alternatives describes them all: `Annotated[str, "a city"] | None`.

    Raises:
        ToolDefinitionError: a bound would be overlooked.
    """
    texts = [extra for each in (type_, *alternatives(type_)) for extra in _extras(each) if isinstance(extra, str)]
    told = _rebuilt(type_, where)
    return Annotated[told, msgspec.Meta(description=texts[0])] if texts else told


def _rebuilt(type_: Any, where: str) -> Any:
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        metas = [_meta(extra, where) for extra in _extras(type_) if not isinstance(extra, str)]
        texts = [msgspec.Meta(description=extra) for extra in _extras(type_) if isinstance(extra, str)]
        told = _rebuilt(bare(type_), where)
        for meta in (*texts[:1], *metas):
            told = Annotated[told, meta]
        return told
    if not arguments or origin is Literal:
        return type_
    inner = tuple([_rebuilt(argument, where) for argument in arguments])
    if all(new is old for new, old in zip(inner, arguments, strict=True)):
        return type_
    if origin in (Union, UnionType):
        return Union[inner]  # noqa: UP007 - of a tuple
    return type_.copy_with(inner) if hasattr(type_, "copy_with") else origin[inner]


def _extras(type_: Any) -> tuple[Any, ...]:
    return getattr(type_, "__metadata__", ())


def _meta(extra: Any, where: str) -> Any:
    """Return what a bound of another library says as msgspec says it; anything else as it is."""
    if type(extra).__module__.partition(".")[0] not in _FOREIGN:
        return extra
    try:
        found = _told_by(extra)
        if found and not _has_default(extra):
            return msgspec.Meta(**found)
    except (TypeError, ValueError) as error:
        raise ToolDefinitionError(f"{where} has a bound that no schema shows: {extra!r:.80}: {error}") from error
    raise ToolDefinitionError(
        f"{where} has a bound that would be overlooked: {extra!r:.80}; write it as "
        'Annotated[int, msgspec.Meta(ge=0, description="…")]'
    )


def _has_default(extra: Any) -> bool:
    return hasattr(extra, "is_required") and not extra.is_required()


def _told_by(extra: Any) -> dict[str, Any]:
    found = {name: value for name in _TOLD if (value := getattr(extra, name, None)) is not None}
    if isinstance(found.get("pattern"), re.Pattern):
        found["pattern"] = found["pattern"].pattern
    for inner in getattr(extra, "metadata", ()):  # of a pydantic Field
        found |= _told_by(inner)
    return found


def describe_fields(schema: Mapping[str, Any], types: Mapping[str, Any]) -> None:
    """Put the texts that stand at the fields of classes into the schemas of these classes, in place.

    Args:
        schema: of the arguments.
        types: of the parameters, by name.

    Raises:
        ToolDefinitionError: a field has a bound of another library, which would be overlooked.
    """
    definitions = schema.get("$defs", {})
    for class_, name, extra in _annotated_fields(types.values()):
        if isinstance(extra, str):
            shown = definitions.get(class_.__name__, {}).get("properties", {}).get(name)
            if shown is not None:
                shown.setdefault("description", extra)
        elif type(extra).__module__.partition(".")[0] in _FOREIGN:
            raise ToolDefinitionError(
                f"{class_.__name__}.{name} has a bound that would be overlooked: {extra!r:.80}; write a msgspec.Meta"
            )


def _annotated_fields(types: Any) -> Iterator[tuple[type, str, Any]]:
    """Yield what stands at the fields of the classes among these types, and of those within them."""
    waiting, seen = list(types), set()
    while waiting:
        type_ = waiting.pop()
        waiting += get_args(type_)
        if not _has_fields(type_) or type_ in seen:
            continue
        seen.add(type_)
        names = {field.name: field.encode_name for field in _fields(type_)}
        for name, hint in get_type_hints(type_, include_extras=True).items():
            waiting.append(hint)
            for extra in _all_extras(hint):
                yield type_, names.get(name, name), extra


def _has_fields(type_: Any) -> bool:
    is_class = isinstance(type_, type)
    return is_class and (dataclasses.is_dataclass(type_) or is_typeddict(type_) or issubclass(type_, msgspec.Struct))


def _fields(type_: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(type_) if issubclass(type_, msgspec.Struct) else ()


def _all_extras(hint: Any) -> Iterator[Any]:
    """Yield what stands at a field, behind `Required` and the like and at its alternatives too."""
    yield from _extras(hint)
    for inner in get_args(hint) if get_origin(hint) is not Literal else ():
        yield from _all_extras(inner)
