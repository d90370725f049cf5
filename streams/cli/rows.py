"""The rows of a file of events, NDJSON or CSV, each with its line; a bad row stops no other."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from streams.cli import fields
from streams.errors import BadData, BadUsage, PlainscoreError

STDIN = Path("-")
NDJSON = (".ndjson", ".jsonl", ".json")
ENDS = {".csv": "csv", ".tsv": "csv", **dict.fromkeys(NDJSON, "ndjson")}
DELIMITERS = ",;\t|"
csv.field_size_limit(1 << 20)


class Row(NamedTuple):
    """A row's line (from 1), its size in the file, and its fields or why it cannot be read."""

    line: int
    size: int  # bytes
    values: dict[str, Any] | PlainscoreError


@dataclass(frozen=True)
class Mapped:
    """How a file's columns become fields of the topic: renamed, and the same for every row."""

    topic: str
    columns: Mapping[str, str]  # field -> column
    constants: Mapping[str, str]  # field -> text


class Source:
    """An open file whose place is known, for a progress bar; `-` is stdin."""

    def __init__(self, stream: BinaryIO, size: int | None) -> None:
        self.size = size  # in bytes; None: not known
        self.read = 0
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            self.read += len(line)
            yield line


def stdin() -> BinaryIO:
    """The standard input; BadUsage if whoever started us closed it."""
    if sys.stdin is None:
        raise BadUsage(
            "The standard input is closed",
            where="-",
            next_step="Pipe the text in, or name its file.",
        )
    return sys.stdin.buffer


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a file, or stdin for `-`."""
    if path == STDIN:
        yield Source(stdin(), None)
        return
    with path.open("rb") as stream:
        yield Source(stream, path.stat().st_size)


def form_of(path: Path, asked: str | None, mapped: Mapped) -> str:
    """Which form a file has: as asked, by its ending, or by what was said about columns."""
    form = asked or ENDS.get(path.suffix.lower())
    if form is None and path == STDIN:
        form = "csv" if mapped.columns else "ndjson"
    if form not in ("csv", "ndjson"):
        raise BadUsage(
            "It is not clear what the file holds",
            where=str(path),
            next_step="Say --format ndjson or --format csv.",
        )
    return form


def rows(source: Source, form: str, mapped: Mapped) -> Iterator[Row]:
    """Read rows one by one; a row that cannot be read comes with the reason in its place."""
    return _csv(source, mapped) if form == "csv" else _ndjson(source, mapped)


def _ndjson(source: Source, mapped: Mapped) -> Iterator[Row]:
    plain = {name: text for name, text in mapped.constants.items() if name != fields.AMOUNT}
    constants = fields.from_texts(mapped.topic, plain)
    # How many decimals an amount has is its currency's to say, and either may stand in the row.
    priced = {
        name: text for name, text in mapped.constants.items() if name in (fields.AMOUNT, "currency")
    }
    renamed: dict[str, str] = {column: field for field, column in mapped.columns.items()}

    def fields_in(text: bytes) -> dict[str, Any]:
        values: Any = json.loads(text)
        if not isinstance(values, dict):
            raise BadData("The line is JSON but not an object with fields")
        named = {renamed.get(str(name), str(name)): part for name, part in values.items()}
        return {**fields.from_json(mapped.topic, named | priced), **constants}

    for number, text in enumerate(source, 1):
        if text.strip():
            yield Row(number, len(text), _read(fields_in, text))


def _csv(source: Source, mapped: Mapped) -> Iterator[Row]:
    """Read CSV with a header. A row is one line: a quote that does not end spoils no other row."""
    lines = enumerate(source, 1)
    first = next(lines, (1, b""))[1].decode("utf-8-sig", "replace")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error as error:
        raise BadUsage(
            f"The first line cannot be read as the names of columns: {error}",
            next_step="Save the file as CSV in UTF-8, each row on a line of its own.",
        ) from None
    columns = _columns(header, mapped)

    def fields_in(text: bytes) -> dict[str, Any]:
        cells = next(csv.reader([text.decode()], delimiter=delimiter, strict=True))
        if len(cells) != len(header):
            raise BadData(f"The line has {len(cells)} columns and the header {len(header)}")
        texts = {field: cells[place] for field, place in columns.items()}
        return fields.from_texts(mapped.topic, {**texts, **mapped.constants})

    for number, text in lines:
        if text.strip():
            yield Row(number, len(text), _read(fields_in, text))


def _columns(header: list[str], mapped: Mapped) -> dict[str, int]:
    """The place of each field's column: as mapped, else the column of the field's own name."""
    names = [*fields.fields_of(mapped.topic), fields.AMOUNT]
    wanted = {name: name for name in header if fields.named(mapped.topic, name)} | dict(
        mapped.columns
    )
    missing = [column for column in wanted.values() if column not in header]
    if missing:
        raise BadUsage(
            f"The file has no column {missing[0]!r}",
            where="--map",
            next_step=f"Its columns are {', '.join(header) or 'none'}.",
        )
    if not wanted:
        raise BadUsage(
            "No column of the file is named like a field",
            where=f"columns {', '.join(header) or 'none'}",
            next_step=f"Map them: --map citizen_id=COLUMN. Fields: {', '.join(names[:-1])}.",
        )
    return {field: header.index(column) for field, column in wanted.items()}


def _read(
    fields_in: Callable[[bytes], dict[str, Any]], text: bytes
) -> dict[str, Any] | PlainscoreError:
    try:
        return fields_in(text)
    except BadData as error:
        return error
    except UnicodeDecodeError:
        return BadData("The line is not UTF-8", next_step="Save the file as UTF-8.")
    except json.JSONDecodeError as error:
        return BadData(f"The line is not JSON: {error.msg} at column {error.colno}")
    except csv.Error as error:
        return BadData(f"The line is not CSV: {error}")
    except (ValueError, RecursionError):
        return BadData("The line is not JSON that can be read: a number or its depth is too great")
