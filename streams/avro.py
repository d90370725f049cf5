"""Avro bodies, read and written by functions that are generated from their schemas.

A generated function has nothing left to look up. And whatever lengths a hostile body claims, it
gets no more than the bytes that are there. Of Avro they know what the contract uses: boolean, int,
long, string, bytes, enum, array, record, and a union of null and one of these. A logical type is
what it is made of: times are int ms, dates int days.

Where the package was installed with compiled modules, the functions of the contract's schemas are
among them (`module`); all others are made when they are asked for, of the same text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib import import_module
from keyword import iskeyword
from typing import Any

from streams.avro_parts import Malformed
from streams.schemas import Schema, named

__all__ = [
    "Malformed",
    "Read",
    "Values",
    "Write",
    "misfit",
    "module",
    "narrowed",
    "reader",
    "writer",
]

Read = Callable[[bytes, int], dict[str, Any]]
Values = Mapping[str, Any] | tuple[Any, ...]  # of a record
Write = Callable[..., bytes]

_HEAD = '''"""Readers and writers of the contract's records, generated from their schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from librt.strings import BytesWriter

from streams.avro_parts import (
    malformed,
    read_int,
    read_length,
    read_long,
    write_boolean,
    write_bytes,
    write_int,
    write_long,
    write_string,
)

if TYPE_CHECKING:
    from mypy_extensions import i64

_MISSING: Any = object()
'''


def reader(written: Schema, wanted: Schema) -> Read:
    """Generate the function that reads a record: (buffer, where its body starts) -> values.

    The body was written with one schema and the values come in the form of another, which must be
    compatible (a field may be missing on either side if it has a default); fields that are not
    wanted are stepped over. The body ends where the buffer ends. The function raises Malformed, and
    nothing else, whatever the bytes.
    """
    read: Read = _made(reader_text(written, wanted))
    return read


def narrowed(schema: Schema, wanted: Mapping[str, Any]) -> Schema:
    """Give a record's schema with the wanted fields alone.

    wanted: by field {} for all of it, or the same of the records in an array.
    """
    fields = []
    for field in schema["fields"]:
        if field["name"] in wanted:
            within, type_ = wanted[field["name"]], field["type"]
            if within:
                type_ = {**type_, "items": narrowed(type_["items"], within)}
            fields.append({**field, "type": type_})
    return {**schema, "fields": fields}


def writer(schema: Schema, head: bytes) -> Write:
    """Generate the function that writes a record: its fields' values -> the head and then the body.

    It takes all fields in the schema's order, or by name; then fields with a default may be left
    out. It raises whatever comes of values that do not fit: `misfit` says which.
    """
    return _made(writer_text(schema, head))


def misfit(values: Values, schema: Schema) -> Malformed:
    """Say where and how the values of a record do not fit its schema."""
    found = _misfit(values, schema, named(schema), "")
    return Malformed(found or "the values do not fit the schema")


def reader_text(written: Schema, wanted: Schema) -> str:
    """Give the text of a reader, for `module`."""
    return _Reading(written, wanted).text()


def writer_text(schema: Schema, head: bytes) -> str:
    """Give the text of a writer, for `module`."""
    return _Writing(schema, head).text()


def module(texts: Iterable[str]) -> str:
    """Give the text of a module, to be compiled, that holds the functions of some texts."""
    return "\n\n".join([_HEAD, *(text.replace(_NAME, _name(text)) for text in texts)])


_NAME = "_made_"  # stands in a text for the function's name


def _name(text: str) -> str:
    return f"made_{sha256(text.encode()).hexdigest()[:16]}"


def _made(text: str) -> Callable[..., Any]:
    """Give a text's function: the compiled one, if there is one of just this text."""
    made: Callable[..., Any] | None = getattr(_compiled(), _name(text), None)
    if made is None:
        names: dict[str, Any] = {}
        exec(compile(_HEAD + text, "<generated from a schema>", "exec", dont_inherit=True), names)
        made = names[_NAME]
    return made


@cache
def _compiled() -> Any:
    try:
        return import_module("streams.generated")
    except ImportError:
        return None


class _Text:
    """Lines of Python, written one after another."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0
        self.names = 0

    def add(self, *lines: str) -> None:
        self.lines += [" " * self.depth + line for line in lines]

    def name(self) -> str:
        """Give a name that is not used yet."""
        self.names += 1
        return f"v{self.names}"

    @contextmanager
    def within(self, line: str) -> Iterator[None]:
        """Begin a block with a line (an if, a for); what is added within belongs to it."""
        self.add(line)
        self.depth += 1
        yield
        self.depth -= 1


class _Reading(_Text):
    """A reader's text.

    In it b is the buffer, at the place in it, and f the number of the field that is being read. Of
    a text cut short by the end of b only the rest is taken, but then at lies beyond the end: the
    next byte asked for is an IndexError, and the last line compares.
    """

    def __init__(self, written: Schema, wanted: Schema) -> None:
        super().__init__()
        self.written, self.wanted = written, wanted
        self.written_names = named(written)
        self.wanted_names = self.written_names | named(wanted)
        self.places: list[str] = []
        self.place = ""

    def text(self) -> str:
        with self.within(f"def {_NAME}(b: bytes, at: i64) -> dict[str, Any]:"):
            self.add("n: i64 = 0", "end: i64 = 0", "f: i64 = 0")
            with self.within("try:"):
                result = self.value(self.written, self.wanted)
                with self.at_field("the end"):
                    self.add("if at != len(b): raise ValueError")
                self.add(f"return {result}")
            with self.within("except Exception as error:"):
                self.add(f"raise malformed(error, {(*self.places, '')!r}[f]) from error")
        return "\n".join(self.lines)

    @contextmanager
    def at_field(self, name: str) -> Iterator[None]:
        """Note that the lines added now read a field of the record that is gone through."""
        outer, self.place = self.place, f"{self.place}.{name}".lstrip(".")
        self.add(f"f = {len(self.places)}")
        self.places.append(self.place)
        yield
        self.place = outer

    def value(self, written: Schema, wanted: Schema | None) -> str:
        """Add the lines that read a value; give the expression that then stands for it.

        Where none is wanted they step over it: what it holds is checked no further than that needs.
        """
        written = _resolved(written, self.written_names)
        wanted = _resolved(wanted, self.wanted_names)
        name = self.name()
        match _type(written):
            case "optional":
                self.optional(name, written, wanted)
            case "boolean":
                self.add("n = b[at]", "at += 1", "if n > 1: raise ValueError")
                self.add(f"{name} = n == 1")
            case "int" | "long" as type_:
                self.number(name, type_)
            case "string" | "bytes" as type_:
                self.add("n = b[at]", "if n & 129: n, at = read_length(b, at)")
                self.add("else: n >>= 1; at += 1", "end = at + n")
                if wanted is not None:
                    self.add(f"{name} = b[at:end]" + ".decode()" * (type_ == "string"))
                self.add("at = end")
            case "enum":
                self.enum(name, written["symbols"], wanted)
            case "array":
                self.array(name, written["items"], wanted and wanted["items"])
            case "record":
                return self.record(written, wanted)
        return name

    def number(self, name: str, type_: str) -> None:
        self.add("n = b[at]")
        self.add(f"if n < 128: {name} = n >> 1 ^ -(n & 1); at += 1")
        self.add(f"else: {name}, at = read_{type_}(b, at)")

    def enum(self, name: str, written: list[str], wanted: Schema | None) -> None:
        self.number("n", "long")
        self.add(f"if not 0 <= n < {len(written)}: raise ValueError")
        if wanted is not None:
            known = wanted["symbols"]
            symbols = [each if each in known else wanted["default"] for each in written]
            self.add(f"{name} = {symbols!r}[n]")

    def optional(self, name: str, written: Schema, wanted: Schema | None) -> None:
        null, branch = _null_and_branch(written)
        self.add(f"{name}: Any = None", "n = b[at]", "at += 1")
        with self.within(f"if n == {2 * (1 - null)}:"):
            found = self.value(branch, wanted and _null_and_branch(wanted)[1])
            self.add("pass" if wanted is None else f"{name} = {found}")
        self.add(f"elif n != {2 * null}: raise ValueError")

    def array(self, name: str, written: Schema, wanted: Schema | None) -> None:
        if _may_be_empty(written, self.written_names):
            raise ValueError("an array's items must take a byte at least, or counts are unbounded")
        left = self.name()
        if wanted is not None:
            self.add(f"{name}: list[Any] = []")
        self.number(left, "long")
        with self.within(f"while {left}:"):
            with self.within(f"if {left} < 0:"):  # then the block's size in bytes stands here too
                self.add(f"{left} = -{left}", "n, at = read_length(b, at)")
            with self.within(f"for _ in range({left}):"):
                found = self.value(written, wanted)
                if wanted is not None:
                    self.add(f"{name}.append({found})")
            self.number(left, "long")

    def record(self, written: Schema, wanted: Schema | None) -> str:
        wanted_fields = {field["name"]: field for field in wanted["fields"]} if wanted else {}
        found = {}
        for field in written["fields"]:
            with self.at_field(field["name"]):
                known = wanted_fields.get(field["name"])
                found[field["name"]] = self.value(field["type"], known and known["type"])
        parts = [
            f"{name!r}: {found[name] if name in found else repr(field['default'])}"
            for name, field in wanted_fields.items()
        ]
        return "{" + ", ".join(parts) + "}"


class _Writing(_Text):
    """The text of a writer: a function for each record in the schema, the outermost last.

    A record's fields are the function's parameters, so that Python itself finds the defaults. Every
    other name begins with an underscore, so no field's may.
    """

    def __init__(self, schema: Schema, head: bytes) -> None:
        super().__init__()
        self.schema, self.names_of = schema, named(schema)
        self.head = head
        self.done: list[str] = []  # lines of functions that are complete

    def text(self) -> str:
        self.add(f"def {_NAME}({self.parameters(self.schema)}) -> bytes:")
        self.depth = 1
        self.add("_w = BytesWriter()", f"_w.write({self.head!r})")
        self.fields(self.schema)
        self.add("return _w.getvalue()")
        return "\n".join([*self.done, *self.lines])

    def name(self) -> str:
        return f"_{super().name()}"

    def record(self, schema: Schema) -> str:
        """Write a record's function; give its name."""
        outer, self.lines, depth = self.lines, [], self.depth
        name, self.depth = f"{_NAME}{self.name()}", 0
        with self.within(f"def {name}(_w: BytesWriter, {self.parameters(schema)}) -> None:"):
            self.fields(schema)
            self.add("return")  # also where there are no fields
        self.done += self.lines
        self.lines, self.depth = outer, depth
        return name

    def parameters(self, schema: Schema) -> str:
        parameters: list[str] = []
        for field in schema["fields"]:
            name = field["name"]
            if iskeyword(name) or name.startswith("_"):
                raise ValueError(f"{name} cannot be a field: name it otherwise")
            of = self.annotation(field["type"])
            if "default" in field:
                default = "()" if field["default"] == [] else repr(field["default"])
                parameters.append(f"{name}: {of} = {default}")
            elif parameters and "=" in parameters[-1]:
                parameters.append(f"{name}: Any = _MISSING")  # as Python wants it; it fits no type
            else:
                parameters.append(f"{name}: {of}")
        return ", ".join(parameters)

    def annotation(self, schema: Schema) -> str:
        return _ANNOTATIONS.get(_type(_resolved(schema, self.names_of)), "Any")

    def fields(self, schema: Schema) -> None:
        for field in schema["fields"]:
            self.value(field["name"], field["type"])

    def value(self, value: str, schema: Schema) -> None:
        """Add the lines that write a value, which is a name."""
        schema = _resolved(schema, self.names_of)
        match _type(schema):
            case "optional":
                null, branch = _null_and_branch(schema)
                self.add(f"if {value} is None: _w.append({2 * null})")
                with self.within("else:"):
                    self.add(f"_w.append({2 * (1 - null)})")
                    self.value(value, branch)
            case "boolean" | "int" | "long" | "bytes" | "string" as type_:
                self.add(f"write_{type_}(_w, {value})")
            case "enum":
                places = {symbol: place for place, symbol in enumerate(schema["symbols"])}
                self.add(f"write_long(_w, {places!r}[{value}])")
            case "array":
                item = self.name()
                with self.within(f"if {value}:"):
                    self.add(f"write_long(_w, len({value}))")
                    with self.within(f"for {item} in {value}:"):
                        self.value(item, schema["items"])
                self.add("_w.append(0)")
            case _:
                self.called(self.record(schema), value, len(schema["fields"]))

    def called(self, write: str, value: str, fields: int) -> None:
        with self.within(f"if isinstance({value}, tuple):"):
            parts = [self.name() for _ in range(fields)]
            self.add(f"{''.join(f'{part}, ' for part in parts)} = {value}" if parts else "pass")
            self.add(f"{write}(_w, {', '.join(parts)})")
        self.add(f"else: {write}(_w, **{value})")


_ANNOTATIONS = {"boolean": "bool", "int": "i64", "long": "i64", "string": "str", "bytes": "bytes"}


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
            return isinstance(value, bool)
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
