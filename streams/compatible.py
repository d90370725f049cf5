"""Whether one version of a schema can read what another wrote, by Avro's rules of resolution."""

from collections.abc import Iterator, Mapping
from typing import Any

from streams.schemas import Schema, named

# What Avro lets a reader take for something else.
_PROMOTED = {("int", "long"), ("string", "bytes"), ("bytes", "string")}


def incompatibilities(one: Schema, other: Schema) -> list[str]:
    """Say, a sentence each, why two versions are not compatible both ways (FULL); empty: they are.

    A logical type counts as a part of the type: a reader would take the number for another thing.
    """
    return [*_unreadable(one, other, ""), *_unreadable(other, one, "")]


def _unreadable(reader: Schema, writer: Schema, path: str) -> Iterator[str]:
    """Say what of the writer's values the reader cannot read."""
    yield from _compare(reader, writer, path, named(reader), named(writer))


def _compare(
    reader: Schema,
    writer: Schema,
    path: str,
    readers: Mapping[str, Any],
    writers: Mapping[str, Any],
) -> Iterator[str]:
    if isinstance(reader, str):
        reader = readers.get(reader, reader)
    if isinstance(writer, str):
        writer = writers.get(writer, writer)
    if isinstance(writer, list):
        for branch in writer:
            yield from _compare(reader, branch, path, readers, writers)
        return
    if isinstance(reader, list):
        problems = [list(_compare(branch, writer, path, readers, writers)) for branch in reader]
        if all(problems):
            yield f"{path or 'the value'}: no branch of the union reads {_kind(writer)}"
        return
    if _kind(reader) != _kind(writer) and (_kind(writer), _kind(reader)) not in _PROMOTED:
        yield f"{path or 'the value'}: {_kind(writer)} cannot be read as {_kind(reader)}"
    elif _kind(reader) == "record":
        yield from _compare_records(reader, writer, path, readers, writers)
    elif _kind(reader) == "enum" and "default" not in reader:
        for symbol in sorted(set(writer["symbols"]) - set(reader["symbols"])):
            yield f"{path}: {symbol} is a symbol that one side does not know"
    elif _kind(reader) == "array":
        yield from _compare(reader["items"], writer["items"], f"{path}[]", readers, writers)


def _compare_records(
    reader: Mapping[str, Any],
    writer: Mapping[str, Any],
    path: str,
    readers: Mapping[str, Any],
    writers: Mapping[str, Any],
) -> Iterator[str]:
    if reader["name"] != writer["name"]:
        yield f"{path or 'the value'}: {writer['name']} cannot be read as {reader['name']}"
        return
    written = {field["name"]: field for field in writer["fields"]}
    for field in reader["fields"]:
        name = f"{path}.{field['name']}".lstrip(".")
        if field["name"] in written:
            type_ = written[field["name"]]["type"]
            yield from _compare(field["type"], type_, name, readers, writers)
        elif "default" not in field:
            yield f"{name}: one side lacks it, and it has no default"


def _kind(schema: Schema) -> str:
    """Give a type's name, with its logical type if it has one."""
    if isinstance(schema, str):
        return schema
    logical = schema.get("logicalType")
    return f"{schema['type']} ({logical})" if logical else str(schema["type"])
