"""Values as bytes: Avro in the Confluent wire format in topics, versioned Avro in stored state."""

from functools import cache
from struct import Struct
from typing import Any, Literal

from librt.strings import BytesWriter, write_i64_be

from streams import avro, schemas
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

Readers = dict[bytes, avro.Read]
Reason = Literal["wrong_magic", "unknown_schema", "undecodable", "null_value", "oversized"]
_HEAD = Struct(">bI")  # magic, schema id
# What some read of a stored value where it would take longer to read it all.
_PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "state/standing": (
        "state/citizen",
        {"accounts": {"scorecard": {}, "shadow": {}, "tier": {}}, "due": {}},
    )
}
_EIGHT = b"\x00\x08"  # the length of a number in a key
# What was made by topic, or by the name of a stored value. A dict is asked for each event: that
# costs a third of what functools.cache does.
_READERS: dict[str, Readers] = {}
_WRITERS: dict[str, avro.Write] = {}
_STATE_READERS: dict[str, Readers] = {}
_STATE_WRITERS: dict[str, avro.Write] = {}


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
    readers = _READERS.get(topic)
    if readers is None:
        readers = _READERS[topic] = _readers_of(_value_schema(topic))
    read = readers.get(value[:5])
    if read is None:
        if len(value) < _HEAD.size or value[0] != 0:
            raise Undecodable("wrong_magic", "the value does not begin with 0 and a schema id")
        raise Undecodable("unknown_schema", f"the schema id is not one of {topic}")
    try:
        return read(value, 5)
    except avro.Malformed as error:
        raise Undecodable("undecodable", str(error)) from error


def encode(topic: str, values: avro.Values) -> bytes:
    """Write a record's value, from what `decode` gives; fields with defaults may be left out.

    A record may also be a tuple of all its fields, in the schema's order: that is faster. Raises
    BadData, naming the field, if values do not fit the schema.
    """
    write = _WRITERS.get(topic)
    if write is None:
        write = _WRITERS[topic] = _writer_of(_value_schema(topic))
    try:
        return write(*values) if isinstance(values, tuple) else write(**values)
    except Exception as error:
        said = avro.misfit(values, schema(_value_schema(topic)))
        raise BadData(str(said), where=topic) from error


def decode_state(name: str, value: bytes) -> dict[str, Any]:
    """Read a stored value (entry, citizen, partition, erasure), in today's form.

    Also by the name of a part: of a citizen, a standing is what is kept account of.
    """
    readers = _STATE_READERS.get(name)
    if readers is None:
        readers = _STATE_READERS[name] = _readers_of(f"state/{name}")
    read = readers.get(value[:1])
    if read is None:
        raise BadData(
            f"a stored {name} was written by another version of plainscore",
            next_step="Upgrade this worker; if it is the newest, delete its state folder.",
        )
    try:
        return read(value, 1)
    except avro.Malformed as error:
        raise BadData(
            f"a stored {name} is damaged: {error}",
            next_step="Delete the state folder: it is restored from the changelogs.",
        ) from error


def encode_state(name: str, values: avro.Values) -> bytes:
    """Write a stored value: its version byte, then Avro."""
    write = _STATE_WRITERS.get(name)
    if write is None:
        write = _STATE_WRITERS[name] = _writer_of(f"state/{name}")
    try:
        return write(*values) if isinstance(values, tuple) else write(**values)
    except Exception as error:
        said = avro.misfit(values, schema(f"state/{name}"))
        raise BadData(str(said), where=f"stored {name}") from error


def schema_id(topic: str) -> int:
    """Give the id under which the topic's values are written."""
    return schemas.versions(_value_schema(topic))[-1].id


def pack(*parts: str | int | bytes) -> bytes:
    """Join parts into a key: of each, the length in two bytes, then the bytes (an int: eight)."""
    w = BytesWriter()
    for part in parts:
        if isinstance(part, int):
            w.write(_EIGHT)
            write_i64_be(w, part)
        else:
            value = part.encode() if isinstance(part, str) else part
            size = len(value)
            w.append(size >> 8)  # an error where that is no byte
            w.append(size & 255)
            w.write(value)
    return w.getvalue()


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


def _readers_of(name: str) -> Readers:
    """Give the reader of each version of a schema, by what a value of it begins with."""
    return {head: avro.reader(*forms) for head, forms in _forms(name).items()}


def _forms(name: str) -> dict[bytes, tuple[schemas.Schema, schemas.Schema]]:
    """Give how each version of a schema is written and how it is wanted, by its values' head."""
    of, wanted = _PARTS.get(name, (name, {}))
    form = avro.narrowed(schema(of), wanted) if wanted else schema(of)
    return {
        _head(of, each): (schemas.archived(of, each.version), form) for each in schemas.versions(of)
    }


def _writer_of(name: str) -> avro.Write:
    return avro.writer(schema(name), _head(name, schemas.versions(name)[-1]))


def _head(name: str, version: schemas.Version) -> bytes:
    """Give what a value begins with that was written by a version of a schema."""
    return bytes((version.id,)) if name.startswith("state/") else _HEAD.pack(0, version.id)


def generated() -> str:
    """Give the text of the module `streams.generated`, which an installation compiles."""
    texts = []
    for name in (*schemas.names(), *_PARTS):
        texts += [avro.reader_text(*forms) for forms in _forms(name).values()]
    for name in schemas.names():
        texts.append(avro.writer_text(schema(name), _head(name, schemas.versions(name)[-1])))
    return avro.module(texts)
