"""Avro bodies, read and written by functions that are generated from their schemas.

A generated function has nothing left to look up: it reads somewhat faster than a walk of the schema
for each record, and writes three times as fast. And whatever lengths a hostile body claims, it gets
no more than the bytes that are there. Of Avro they know what the contract uses: boolean, int, long,
string, bytes, enum, array, record, and a union of null and one of these. A logical type is what it
is made of: times are int ms, dates int days.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from streams.schemas import Schema, named

Read = Callable[[bytes, int], dict[str, Any]]
Write = Callable[[Mapping[str, Any]], bytes]


class Malformed(ValueError):
    """Bytes or values are not what the schema says; the text names a field and never a value."""


def reader(written: Schema, wanted: Schema) -> Read:
    """Generate the function that reads a record: (buffer, where its body starts) -> values.

    The body was written with one schema and the values come in the form of another, which must be
    compatible (a field may be missing on either side if it has a default). It ends where the buffer
    ends. The function raises Malformed, and nothing else, whatever the bytes.
    """
    return _Reading(written, wanted).function()


def writer(schema: Schema, head: bytes) -> Write:
    """Generate the function that writes a record: values -> the head and then the body.

    Fields with a default may be left out. The function raises Malformed if values do not fit.
    """
    return _Writing(schema, head).function()


class _Generated:
    """The text of a function, and for each of its lines the field that it is about."""

    def __init__(self, signature: str) -> None:
        self.lines = [f"def generated({signature}):", " try:"]
        self.places = ["", ""]
        self.place = ""
        self.depth = 2
        self.constants: dict[str, Any] = {}
        self.names = 0

    def add(self, *lines: str) -> None:
        for line in lines:
            self.lines.append(" " * self.depth + line)
            self.places.append(self.place)

    def name(self) -> str:
        """Give a name that the function does not use yet."""
        self.names += 1
        return f"v{self.names}"

    def constant(self, value: Any) -> str:
        name = f"C{len(self.constants)}"
        self.constants[name] = value
        return name

    @contextmanager
    def within(self, line: str) -> Iterator[None]:
        """Begin a block with a line (an if, a for); what is added within belongs to it."""
        self.add(line)
        self.depth += 1
        yield
        self.depth -= 1

    @contextmanager
    def at_field(self, name: str) -> Iterator[None]:
        """Note that the lines added now are about a field of the record that is gone through."""
        outer, self.place = self.place, f"{self.place}.{name}".lstrip(".")
        yield
        self.place = outer

    def compiled(self, explain: Callable[[Exception, str], str], **known: Any) -> Any:
        """Compile the function; any exception in it becomes Malformed, explained with its place."""
        self.depth = 1
        self.add("except Exception as error:", " raise malformed(error) from error")

        def malformed(error: Exception) -> Malformed:
            # The outermost frame is the generated function's: its line tells the field.
            line = error.__traceback__.tb_lineno if error.__traceback__ else 1
            return Malformed(explain(error, self.places[line - 1]))

        names = {**known, **self.constants, "malformed": malformed}
        exec(compile("\n".join(self.lines), "<generated from a schema>", "exec"), names)
        return names["generated"]


class _Reading(_Generated):
    """A reader's text. b is the buffer and at the place in it.

    Of a text cut short by the end of b only the rest is taken, but then at lies beyond the end: the
    next byte asked for is an IndexError, and the last line compares.
    """

    def __init__(self, written: Schema, wanted: Schema) -> None:
        super().__init__("b, at")
        self.written, self.wanted = written, wanted
        self.written_names = named(written)
        self.wanted_names = self.written_names | named(wanted)

    def function(self) -> Read:
        result = self.value(self.written, self.wanted)
        self.place = "the end"
        self.add("if at != len(b): raise ValueError", f"return {result}")
        read: Read = self.compiled(
            _why_unreadable, read_long=_read_long, read_int=_read_int, read_length=_read_length
        )
        return read

    def value(self, written: Schema, wanted: Schema) -> str:
        """Add the lines that read a value; give the expression that then stands for it."""
        written = _resolved(written, self.written_names)
        wanted = _resolved(wanted, self.wanted_names)
        name = self.name()
        match _type(written):
            case "optional":
                self.optional(name, written, wanted)
            case "boolean":
                self.add(f"{name} = b[at]", "at += 1", f"if {name} > 1: raise ValueError")
                self.add(f"{name} = {name} == 1")
            case "int" | "long" as type_:
                self.number(name, type_)
            case "string" | "bytes" as type_:
                self.add("n = b[at]", "if n & 129: n, at = read_length(b, at)")
                self.add("else: n >>= 1; at += 1", "end = at + n")
                self.add(f"{name} = b[at:end]" + ".decode()" * (type_ == "string"), "at = end")
            case "enum":
                known = wanted["symbols"]
                symbols = [s if s in known else wanted["default"] for s in written["symbols"]]
                self.number("n", "long")
                self.add(f"if not 0 <= n < {len(symbols)}: raise ValueError")
                self.add(f"{name} = {self.constant(symbols)}[n]")
            case "array":
                self.array(name, written["items"], wanted["items"])
            case "record":
                return self.record(written, wanted)
        return name

    def number(self, name: str, type_: str) -> None:
        self.add("n = b[at]")
        self.add(f"if n < 128: {name} = n >> 1 ^ -(n & 1); at += 1")
        with self.within("elif (m := b[at + 1]) < 128:"):  # two bytes: most of what is stored
            self.add(f"n = n & 127 | m << 7; {name} = n >> 1 ^ -(n & 1); at += 2")
        self.add(f"else: {name}, at = read_{type_}(b, at)")

    def optional(self, name: str, written: Schema, wanted: Schema) -> None:
        null, branch = _null_and_branch(written)
        self.add("n = b[at]", "at += 1")
        self.add(f"if n == {2 * null}: {name} = None")
        with self.within(f"elif n == {2 * (1 - null)}:"):
            self.add(f"{name} = {self.value(branch, _null_and_branch(wanted)[1])}")
        self.add("else: raise ValueError")

    def array(self, name: str, written: Schema, wanted: Schema) -> None:
        if _may_be_empty(written, self.written_names):
            raise ValueError("an array's items must take a byte at least, or counts are unbounded")
        left = self.name()
        self.add(f"{name} = []")
        self.number(left, "long")
        with self.within(f"while {left}:"):
            with self.within(f"if {left} < 0:"):  # then the block's size in bytes stands here too
                self.add(f"{left} = -{left}", "n, at = read_length(b, at)")
            with self.within(f"for _ in range({left}):"):
                self.add(f"{name}.append({self.value(written, wanted)})")
            self.number(left, "long")

    def record(self, written: Schema, wanted: Schema) -> str:
        wanted_fields = {field["name"]: field for field in wanted["fields"]}
        found = {}
        for field in written["fields"]:
            with self.at_field(field["name"]):
                known = wanted_fields.get(field["name"])
                expression = self.value(field["type"], known["type"] if known else field["type"])
                found[field["name"]] = expression
        parts = [
            f"{name!r}: {found[name] if name in found else repr(field['default'])}"
            for name, field in wanted_fields.items()
        ]
        return "{" + ", ".join(parts) + "}"


class _Writing(_Generated):
    """A writer's text. parts are the pieces of bytes so far, in order."""

    def __init__(self, schema: Schema, head: bytes) -> None:
        super().__init__("values")
        self.schema, self.schema_names = schema, named(schema)
        self.head = head
        self.pieces: list[str] = []  # expressions to be put into parts by one line

    def function(self) -> Write:
        fields = self.constant(frozenset(field["name"] for field in self.schema["fields"]))
        self.add(f"parts = [{self.head!r}]")
        self.add(f"if not values.keys() <= {fields}: raise UnknownFields(values.keys() - {fields})")
        self.value("values", self.schema)
        self.flush()
        self.add("return b''.join(parts)")
        write: Write = self.compiled(
            _why_unwritable,
            UnknownFields=_UnknownFields,
            short=_SHORT.get,
            write_long=_write_long,
            write_int=_write_int,
        )
        return write

    def flush(self) -> None:
        if self.pieces:
            self.add(f"parts += ({', '.join(self.pieces)},)")
            self.pieces.clear()

    def value(self, value: str, schema: Schema) -> None:
        """Add the lines and pieces that write what an expression stands for."""
        schema = _resolved(schema, self.schema_names)
        name = self.name()
        self.add(f"{name} = {value}")
        match _type(schema):
            case "optional":
                self.optional(name, schema)
            case "boolean":
                self.symbol(name, {False: bytes(1), True: bytes((1,))})
            case "int" | "long" as type_:
                self.add(f"{name} = short({name}) or write_{type_}({name})")
                self.pieces.append(name)
            case "string" | "bytes" as type_:
                length = self.name()
                if type_ == "string":
                    self.add(f"{name} = {name}.encode()")
                self.add(f"{length} = short(len({name})) or write_long(len({name}))")
                self.pieces += (length, name)
            case "enum":
                symbols = enumerate(schema["symbols"])
                self.symbol(name, {symbol: _write_long(place) for place, symbol in symbols})
            case "array":
                self.array(name, schema["items"])
            case "record":
                self.record(name, schema)

    def symbol(self, name: str, symbols: Mapping[Any, bytes]) -> None:
        self.add(f"{name} = {self.constant(symbols)}[{name}]")
        self.pieces.append(name)

    def optional(self, name: str, schema: Schema) -> None:
        null, branch = _null_and_branch(schema)
        self.flush()
        self.add(f"if {name} is None: parts.append({_write_long(null)!r})")
        with self.within("else:"):
            self.pieces.append(repr(_write_long(1 - null)))
            self.value(name, branch)
            self.flush()

    def array(self, name: str, items: Schema) -> None:
        self.flush()
        with self.within(f"if {name}:"):
            self.add(f"parts.append(write_long(len({name})))")
            item = self.name()
            with self.within(f"for {item} in {name}:"):
                self.value(item, items)
                self.flush()
        self.pieces.append(repr(bytes(1)))

    def record(self, name: str, schema: Schema) -> None:
        for field in schema["fields"]:
            key = repr(field["name"])
            with self.at_field(field["name"]):
                if "default" in field:
                    self.value(f"{name}.get({key}, {field['default']!r})", field["type"])
                else:
                    self.value(f"{name}[{key}]", field["type"])


class _UnknownFields(Exception):
    """Values hold fields that the schema does not have."""


def _why_unreadable(error: Exception, place: str) -> str:
    if isinstance(error, IndexError):
        return f"the body ends before {place}"
    if isinstance(error, UnicodeDecodeError):
        return f"{place} is not UTF-8"
    return "bytes are left over or missing" if place == "the end" else f"{place} is malformed"


def _why_unwritable(error: Exception, place: str) -> str:
    if isinstance(error, _UnknownFields):
        return f"there is no field {', '.join(sorted(map(str, error.args[0])))}"
    if isinstance(error, KeyError) and error.args[0] == place.rpartition(".")[2]:
        return f"{place} is missing"
    return f"{place or 'the value'} is not of the field's type"


def _resolved(schema: Schema, names: Mapping[str, Schema]) -> Schema:
    return names.get(schema, schema) if isinstance(schema, str) else schema


def _type(schema: Schema) -> str:
    """Give the name of the type that a schema is made of; ValueError if we know no such type."""
    name = schema if isinstance(schema, str) else "optional"
    if isinstance(schema, Mapping):
        name = schema["type"]
    if name not in ("optional", *_SCALARS, "enum", "array", "record"):
        raise ValueError(f"the contract uses no Avro type {name}")
    return name


_SCALARS = ("boolean", "int", "long", "string", "bytes")


def _null_and_branch(union: Schema) -> tuple[int, Schema]:
    """Give the place of null in a union of two, and the other branch."""
    if not isinstance(union, list) or len(union) != 2 or "null" not in union:
        raise ValueError(f"the only unions are of null and one other type, not {union}")
    null = union.index("null")
    return null, union[1 - null]


def _may_be_empty(schema: Schema, names: Mapping[str, Schema]) -> bool:
    """Tell whether a value of this schema may take no byte at all."""
    schema = _resolved(schema, names)
    return _type(schema) == "record" and all(
        _may_be_empty(field["type"], names) for field in schema["fields"]
    )


def _read_long(b: bytes, at: int) -> tuple[int, int]:
    """Read a zigzag varint of at most 64 bits; give it and the place after it."""
    value = shift = 0
    while (byte := b[at]) > 127:
        value |= (byte & 127) << shift
        shift += 7
        if shift > 63:
            raise ValueError
        at += 1
    value |= byte << shift
    if value >> 64:
        raise ValueError
    return value >> 1 ^ -(value & 1), at + 1


def _read_int(b: bytes, at: int) -> tuple[int, int]:
    value, at = _read_long(b, at)
    if not -(1 << 31) <= value < 1 << 31:
        raise ValueError
    return value, at


def _read_length(b: bytes, at: int) -> tuple[int, int]:
    value, at = _read_long(b, at)
    if value < 0:
        raise ValueError
    return value, at


@lru_cache(maxsize=16_384)  # a time or a period is written again and again
def _write_long(value: int) -> bytes:
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError
    rest = value << 1 ^ value >> 63
    written = bytearray()
    while rest > 127:
        written.append(rest & 127 | 128)
        rest >>= 7
    written.append(rest)
    return bytes(written)


def _write_int(value: int) -> bytes:
    if not -(1 << 31) <= value < 1 << 31:
        raise OverflowError
    return _write_long(value)


_SHORT = {value: _write_long(value) for value in range(-8192, 8192)}  # of one or two bytes
