"""JSON schemas in files, and what an answer lacks to fit one. The checking is the `jsonschema` library's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from llamabot.domain.output import SchemaOutput
from llamabot.ports.errors import ConfigurationError

__all__ = ["problem_finder", "read_schema"]


def read_schema(file: Path) -> SchemaOutput:
    """Return the schema in a file as what a `StructuredBot` answers with.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        schema = msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the schema {file} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigurationError(f"the schema {file} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise ConfigurationError(f"the schema {file} is not a JSON object")
    return SchemaOutput(schema, problem_finder(schema), name=str(schema.get("title") or file.stem))


def problem_finder(schema: dict[str, Any]) -> Callable[[Any], str | None]:
    """Return a function that says what a value lacks to fit a schema, None if it fits.

    Draft 2020-12 is meant where the schema does not say. References are followed inside of the schema, never fetched.

    Raises:
        ConfigurationError: it is no schema, or refers to something outside of it.
    """
    from jsonschema import SchemaError
    from jsonschema.exceptions import best_match
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        reason = getattr(error, "message", "it is nested too deeply")
        raise ConfigurationError(f"this is not a JSON schema: {reason}") from error
    for reference in _references(schema):
        _check_reference(reference, schema)
    validator = kind(schema, registry=Registry())

    def problem(value: Any) -> str | None:
        error = best_match(validator.iter_errors(value))
        return None if error is None else f"{error.message} - at `{error.json_path}`"

    return problem


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        match waiting.pop():
            case list() as items:
                waiting += items
            case dict() as item:
                waiting += item.values()
                if isinstance(reference := item.get("$ref"), str):
                    yield reference


def _check_reference(reference: str, schema: dict[str, Any]) -> None:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    try:
        resolver.lookup(reference)
    except Unresolvable as error:
        raise ConfigurationError(
            f"the JSON schema refers to {reference!r}, which is not in it; nothing is fetched"
        ) from error
