"""Values as bytes: Avro in the Confluent wire format in topics, versioned Avro in stored state."""

import io
from collections.abc import Callable, Mapping
from functools import cache
from struct import Struct
from typing import Any, Literal, cast

import fastavro

from streams import schemas
from streams.errors import BadData
from streams.schemas import schema
from streams.topics import topic_of

__all__ = [
    "Undecodable",
    "decode",
    "decode_state",
    "encode",
    "encode_state",
    "pack",
    "schema",
    "schema_id",
    "unpack",
]

Reason = Literal["wrong_magic", "unknown_schema", "undecodable", "null_value", "oversized"]
_HEAD = Struct(">bI")  # magic, schema id
_LONG = Struct(">q")
_LENGTH = Struct(">H")


class Undecodable(Exception):
    """A record's value cannot be read; `detail` may name a field and never holds a value."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason: Reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


def decode(topic: str, value: bytes | None) -> dict[str, Any]:
    """Read a record's value. Timestamps are int ms, dates int days since 1970, enums str.

    A value written under an older id of the topic is given in today's form.
    """
    if value is None:
        raise Undecodable("null_value", "the value is null")
    if len(value) < _HEAD.size or value[0] != 0:
        raise Undecodable("wrong_magic", "the value does not begin with 0 and a schema id")
    read = _readers(_value_schema(topic)).get(_HEAD.unpack_from(value)[1])
    if read is None:
        raise Undecodable("unknown_schema", f"the schema id is not one of {topic}")
    return read(value[_HEAD.size :])


def encode(topic: str, values: Mapping[str, Any]) -> bytes:
    """Write a record's value, from what `decode` gives; fields with defaults may be left out."""
    name = _value_schema(topic)
    return _HEAD.pack(0, schemas.versions(name)[-1].id) + _writer(name)(values)


def decode_state(name: str, value: bytes) -> dict[str, Any]:
    """Read a stored value (entry, citizen, partition, erasure), in today's form."""
    read = _readers(f"state/{name}").get(value[0] if value else -1)
    if read is None:
        raise BadData(
            f"a stored {name} was written by another version of plainscore",
            next_step="Upgrade this worker; if it is the newest, delete its state folder.",
        )
    try:
        return read(value[1:])
    except Undecodable as error:
        raise BadData(
            f"a stored {name} is damaged",
            next_step="Delete the state folder: it is restored from the changelogs.",
        ) from error


def encode_state(name: str, values: Mapping[str, Any]) -> bytes:
    """Write a stored value: its version byte, then Avro."""
    full = f"state/{name}"
    return bytes((schemas.versions(full)[-1].id,)) + _writer(full)(values)


def schema_id(topic: str) -> int:
    """Give the id under which the topic's values are written."""
    return schemas.versions(_value_schema(topic))[-1].id


def pack(*parts: str | int | bytes) -> bytes:
    """Join parts into a key: of each, the length in two bytes, then the bytes (an int: eight)."""
    return b"".join([_part(part) for part in parts])


def _part(part: str | int | bytes) -> bytes:
    if isinstance(part, str):
        part = part.encode()
    elif isinstance(part, int):
        part = _LONG.pack(part)
    return _LENGTH.pack(len(part)) + part


def unpack(key: bytes) -> list[bytes]:
    """Split a packed key into its parts; ValueError if it is not one."""
    parts, at = [], 0
    while at < len(key):
        start = at + 2
        at = start + int.from_bytes(key[at:start], "big")
        if at > len(key) or start > len(key):
            raise ValueError("not a packed key")
        parts.append(key[start:at])
    return parts


@cache
def _value_schema(topic: str) -> str:
    name = topic_of(topic).value_schema
    if name is None:
        raise ValueError(f"{topic} holds raw bytes")
    return name


@cache
def _readers(name: str) -> dict[int, Callable[[bytes], dict[str, Any]]]:
    return {version.id: _reader(name, version.version) for version in schemas.versions(name)}


def _reader(name: str, version: int) -> Callable[[bytes], dict[str, Any]]:
    now = fastavro.parse_schema(schemas.without(schema(name), "logicalType"))
    then = fastavro.parse_schema(schemas.without(schemas.archived(name, version), "logicalType"))

    def read(body: bytes) -> dict[str, Any]:
        stream = io.BytesIO(body)
        try:
            values = fastavro.schemaless_reader(stream, then, now)
        except Exception as error:
            raise Undecodable("undecodable", "the body is not what the schema says") from error
        if stream.tell() != len(body):
            raise Undecodable("undecodable", "bytes are left over after the last field")
        return cast(dict[str, Any], values)

    return read


@cache
def _writer(name: str) -> Callable[[Mapping[str, Any]], bytes]:
    now = fastavro.parse_schema(schemas.without(schema(name), "logicalType"))

    def write(values: Mapping[str, Any]) -> bytes:
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, now, values, strict_allow_default=True)
        return stream.getvalue()

    return write
