"""Avro bodies, read and written by functions that are generated from their schemas.

A generated function has nothing left to look up: it reads somewhat faster than a walk of the schema
for each record, and writes three times as fast. And whatever lengths a hostile body claims, it gets
no more than the bytes that are there. Of Avro they know what the contract uses: boolean, int, long,
string, bytes, enum, array, record, and a union of null and one of these. A logical type is what it
is made of: times are int ms, dates int days.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from keyword import iskeyword
from typing import Any

from streams.schemas import Schema, named

Read = Callable[[bytes, int], dict[str, Any]]
Values = Mapping[str, Any] | tuple[Any, ...]  # of a record
Write = Callable[[Values], bytes]

MOST_KEPT = 65_536  # records of one kind that are kept as they were written


class Malformed(ValueError):
    """Bytes or values are not what the schema says; the text names a field and never a value."""


def reader(written: Schema, wanted: Schema) -> Read:
    """Generate the function that reads a record: (buffer, where its body starts) -> values.

    The body was written with one schema and the values come in the form of another, which must be
    compatible (a field may be missing on either side if it has a default). It ends where the buffer
    ends. The function raises Malformed, and nothing else, whatever the bytes.
    """
    return _Reading(written, wanted).function()


def writer(schema: Schema, head: bytes, repeated: Collection[str] = ()) -> Write:
    """Generate the function that writes a record: its values -> the head and then the body.

    A record is given as a mapping, in which fields with a default may be left out, or as a tuple of
    all its fields in the schema's order. Records in arrays whose names are `repeated` come with the
    same few values again and again: what was written of such a tuple is kept. The function raises
    Malformed if values do not fit.
    """
    write = _Writing(schema, head, repeated).function()
    names = named(schema)

    def written(values: Values) -> bytes:
        try:
            return write(*values) if isinstance(values, tuple) else write(**values)
        except Exception as error:
            said = _misfit(values, schema, names, "") or "the values do not fit the schema"
            raise Malformed(said) from error

    return written


class _Reading:
    """A reader's text, and for each of its lines the field that it is about.

    In it b is the buffer and at the place in it. Of a text cut short by the end of b only the rest
    is taken, but then at lies beyond the end: the next byte asked for is an IndexError, and the
    last line compares.
    """

    def __init__(self, written: Schema, wanted: Schema) -> None:
        self.written, self.wanted = written, wanted
        self.written_names = named(written)
        self.wanted_names = self.written_names | named(wanted)
        self.lines = ["def generated(b, at):", " try:"]
        self.places = ["", ""]
        self.place = ""
        self.depth = 2
        self.constants: dict[str, Any] = {}
        self.names = 0

    def function(self) -> Read:
        result = self.value(self.written, self.wanted)
        self.place = "the end"
        self.add("if at != len(b): raise ValueError", f"return {result}")
        self.depth = 1
        self.add("except Exception as error:", " raise malformed(error) from error")

        def malformed(error: Exception) -> Malformed:
            # The outermost frame is the generated function's: its line tells the field.
            line = error.__traceback__.tb_lineno if error.__traceback__ else 1
            return Malformed(_why_unreadable(error, self.places[line - 1]))

        names: dict[str, Any] = {
            "read_long": _read_long,
            "read_int": _read_int,
            "read_length": _read_length,
            "malformed": malformed,
            **self.constants,
        }
        exec(compile("\n".join(self.lines), "<generated from a schema>", "exec"), names)
        read: Read = names["generated"]
        return read

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


class _Writing:
    """The text of a function for each record and array of a schema, that gives its bytes.

    A record's fields are the function's parameters, so that Python itself finds the defaults. Every
    other name begins with an underscore, so no field's may.
    """

    def __init__(self, schema: Schema, head: bytes, repeated: Collection[str]) -> None:
        self.schema, self.names = schema, named(schema)
        self.head = head
        self.repeated = repeated
        self.lines: list[str] = []
        self.known: dict[str, Any] = {
            "_len": len,
            "_join": b"".join,
            "_tuple": tuple,
            "_is": isinstance,
            "_missing": object(),
            "_short": _SHORT.get,
            "_long": _write_long,
            "_int": _write_int,
            "_text": _write_text,
        }

    def function(self) -> Callable[..., bytes]:
        name = self.record(self.schema, self.head)
        exec(compile("\n".join(self.lines), "<generated from a schema>", "exec"), self.known)
        write: Callable[..., bytes] = self.known[name]
        return write

    def constant(self, value: Any) -> str:
        name = f"_c{len(self.known)}"
        self.known[name] = value
        return name

    def record(self, schema: Schema, head: bytes = b"") -> str:
        """Write a record's function; give its name."""
        fields = schema["fields"]
        pieces = [piece for field in fields for piece in self.pieces(field["name"], field["type"])]
        name = f"_write{len(self.lines)}"
        parameters: list[str] = []
        for field in fields:
            if iskeyword(field["name"]) or field["name"].startswith("_"):
                raise ValueError(f"{field['name']} cannot be a field: name it otherwise")
            default = self.default(field) if "default" in field else ""
            if not default and parameters and "=" in parameters[-1]:
                default = "_missing"  # as Python wants it; it fits no type
            parameters.append(f"{field['name']}={default}" if default else field["name"])
        self.lines.append(f"def {name}({', '.join(parameters)}):")
        self.lines.append(f" return _join(({', '.join([self.constant(head), *pieces])},))")
        return name

    def default(self, field: Schema) -> str:
        return "()" if field["default"] == [] else repr(field["default"])

    def pieces(self, value: str, schema: Schema) -> list[str]:
        """Give the expressions for the pieces of bytes that a value, itself one, is written to."""
        schema = _resolved(schema, self.names)
        match _type(schema):
            case "optional":
                null, branch = _null_and_branch(schema)
                there = ", ".join([repr(_write_long(1 - null)), *self.pieces(value, branch)])
                return [f"*(({_write_long(null)!r},) if {value} is None else ({there}))"]
            case "boolean":
                return [f"{self.constant({False: bytes(1), True: bytes((1,))})}[{value}]"]
            case "int" | "long" as type_:
                return [f"_short({value}) or _{type_}({value})"]
            case "string":
                encoded = f"_e{len(self.known)}_{value}"
                length = f"_len({encoded} := {value}.encode())"
                return [f"_short({length}) or _long(_len({encoded}))", encoded]
            case "bytes":
                return [f"_short(_len({value})) or _long(_len({value}))", value]
            case "enum":
                symbols = enumerate(schema["symbols"])
                place = {symbol: _write_long(number) for number, symbol in symbols}
                return [f"{self.constant(place)}[{value}]"]
            case "array":
                return [f"({self.array(schema['items'])}({value}) if {value} else {bytes(1)!r})"]
            case _:
                return [self.called(self.record(schema), value)]

    def called(self, name: str, value: str) -> str:
        return f"({name}(*{value}) if _is({value}, _tuple) else {name}(**{value}))"

    def array(self, items: Schema) -> str:
        """Write an array's function; give its name."""
        items = _resolved(items, self.names)
        match _type(items):
            case "string":
                item = "_text(_v)"
            case "record" if items["name"] in self.repeated:
                write = self.record(items)
                item = self.called(write, "_v")
                kept = self.constant(_Kept(lambda values: self.known[write](*values)))
                item = f"{kept}[_v] if _is(_v, _tuple) else {write}(**_v)"
            case "record":
                item = self.called(self.record(items), "_v")
            case _:
                item = f"_join(({', '.join(self.pieces('_v', items))},))"
        name = f"_write{len(self.lines)}"
        self.lines += (
            f"def {name}(_items):",
            f" return _join([_short(_len(_items)) or _long(_len(_items)),"
            f" *[{item} for _v in _items], {bytes(1)!r}])",
        )
        return name


class _Kept(dict[tuple[Any, ...], bytes]):
    """What was written of the tuples that were seen last."""

    def __init__(self, write: Callable[[tuple[Any, ...]], bytes]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, values: tuple[Any, ...]) -> bytes:
        if len(self) >= MOST_KEPT:
            self.clear()
        self[values] = written = self._write(values)
        return written


def _why_unreadable(error: Exception, place: str) -> str:
    if isinstance(error, IndexError):
        return f"the body ends before {place}"
    if isinstance(error, UnicodeDecodeError):
        return f"{place} is not UTF-8"
    return "bytes are left over or missing" if place == "the end" else f"{place} is malformed"


def _misfit(value: Any, schema: Schema, names: Mapping[str, Schema], place: str) -> str | None:
    """Say where and how a value does not fit a schema, None if it does."""
    schema = _resolved(schema, names)
    type_ = _type(schema)
    if type_ == "optional":
        branch = _null_and_branch(schema)[1]
        return None if value is None else _misfit(value, branch, names, place)
    if type_ == "array" and isinstance(value, Sequence):
        parts = ((item, schema["items"], place) for item in value)
    elif type_ == "record" and isinstance(value, Mapping | tuple):
        fields = {field["name"]: field for field in schema["fields"]}
        if isinstance(value, tuple):
            value = dict(zip(fields, value, strict=False))
        if strangers := value.keys() - fields:
            return f"there is no field {', '.join(sorted(map(str, strangers)))}"
        within = {name: f"{place}.{name}".lstrip(".") for name in fields}
        for name, field in fields.items():
            if name not in value and "default" not in field:
                return f"{within[name]} is missing"
        parts = ((each, fields[name]["type"], within[name]) for name, each in value.items())
    else:
        return None if _fits(value, type_, schema) else f"{place} is not of the field's type"
    found = (_misfit(*part[:2], names, part[2]) for part in parts)
    return next(filter(None, found), None)


def _fits(value: Any, type_: str, schema: Schema) -> bool:
    match type_:
        case "boolean":
            return value in (False, True)
        case "int" | "long":
            bits = 31 if type_ == "int" else 63
            return isinstance(value, int) and -(1 << bits) <= value < 1 << bits
        case "string":
            return isinstance(value, str) and _encodes(value)
        case "bytes":
            return isinstance(value, bytes)
        case "enum":
            return value in schema["symbols"]
    return False


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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


def _write_long(value: int) -> bytes:
    rest = value << 1 ^ value >> 63
    if rest < 1 << 14:
        return _UNSIGNED[rest]
    if rest < 1 << 28:
        return _PAIRS[rest & 16383] + _UNSIGNED[rest >> 14]
    if rest < 1 << 42:  # times in ms are of this size
        return _PAIRS[rest & 16383] + _PAIRS[rest >> 14 & 16383] + _UNSIGNED[rest >> 28]
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError
    return _varint(rest)


def _write_int(value: int) -> bytes:
    if not -(1 << 31) <= value < 1 << 31:
        raise OverflowError
    return _write_long(value)


def _write_text(value: str) -> bytes:
    encoded = value.encode()
    return (_SHORT.get(len(encoded)) or _write_long(len(encoded))) + encoded


def _varint(rest: int) -> bytes:
    written = bytearray()
    while rest > 127:
        written.append(rest & 127 | 128)
        rest >>= 7
    written.append(rest)
    return bytes(written)


_UNSIGNED = [_varint(value) for value in range(16_384)]
# Two bytes of a longer number, the lower first: each says that another follows.
_PAIRS = [bytes((value & 127 | 128, value >> 7 | 128)) for value in range(16_384)]
_SHORT = {value: _UNSIGNED[value << 1 ^ value >> 63] for value in range(-8192, 8192)}
