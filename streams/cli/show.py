"""How results are shown: NDJSON when piped, tables and bars on a terminal, words on stderr."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NoReturn, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

BARS = "▁▂▃▄▅▆▇█"


class _Results(Console):
    def on_broken_pipe(self) -> None:
        reader_left()


class _Words(Console):
    def on_broken_pipe(self) -> None:  # what is done, and how it ends, is no matter of words
        _silence(sys.stderr)


def console() -> Console:
    """The terminal that results go to; made anew so that tests and pipes are seen as they are."""
    return _Results(file=sys.stdout, highlight=False, soft_wrap=False)


def words() -> Console:
    """Where progress, hints and errors go: stderr, so that piped results stay clean."""
    return _Words(file=sys.stderr, highlight=False, soft_wrap=True)


def on_terminal() -> bool:
    """Whether a person reads the results, and not a program."""
    return sys.stdout.isatty()


def reader_left() -> NoReturn:
    """Whoever read our output has enough: end quietly."""
    _silence(sys.stdout)
    raise SystemExit(0)


def _silence(stream: TextIO) -> None:
    """Let what else is written go nowhere, also at the interpreter's last flush."""
    with suppress(OSError, ValueError):
        to_nowhere(stream.fileno())


def to_nowhere(number: int) -> None:
    """Have a descriptor, which may be closed, lead nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def line(values: Mapping[str, Any]) -> None:
    """Write one line of NDJSON at once, so that a reader of the pipe sees it at once."""
    text(json.dumps(values, ensure_ascii=False, default=str))


def note(values: Mapping[str, Any]) -> None:
    """Show a result of what is done anyway: that goes on, and ends so, when nobody reads it."""
    with suppress(SystemExit):
        result(values)


def text(words: str) -> None:
    """Write a text as it is."""
    try:
        sys.stdout.write(words if words.endswith("\n") else words + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        reader_left()


def document(values: Mapping[str, Any]) -> None:
    """Write one JSON document: indented for people, one line when piped."""
    if not on_terminal():
        line(values)
        return
    text(visible_lines(json.dumps(values, ensure_ascii=False, indent=2, default=str)))


def rows(
    found: Iterable[Mapping[str, Any]], columns: Sequence[str], *, title: str = "", empty: str = ""
) -> None:
    """Show rows: a table with `columns` on a terminal, every field as NDJSON when piped."""
    if not on_terminal():
        for row in found:
            line(row)
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in found:
        table.add_row(*(Text(cell(row.get(column))) for column in columns))
    if table.row_count:
        console().print(table)
    elif empty:
        say(empty)


def result(values: Mapping[str, Any]) -> None:
    """Show one result: a line a field on a terminal, one line of NDJSON when piped."""
    if not on_terminal():
        line(values)
        return
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(name.replace("_", " "), Text(cell(value)))
    console().print(table)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show on a terminal that something takes a while."""
    if not words().is_terminal:
        yield
        return
    with words().status(text):
        yield


def cell(value: Any) -> str:
    """A value as it stands in a table: nothing for none, lists with commas, fields in lines."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(part) for part in value)
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {cell(part)}" for name, part in value.items())
    return visible(str(value))


def visible(text: str) -> str:
    """A text as one line of a terminal: what somebody sent could hold commands to the terminal, or
    a line of its own that looks like ours.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def visible_lines(text: str) -> str:
    """The same of a text whose lines are meant."""
    return "\n".join(map(visible, text.split("\n")))


def say(text: str) -> None:
    """Tell the person something that is no result."""
    words().print(visible_lines(text), markup=False)


def now() -> int:
    """The time of this machine, in ms since 1970."""
    return time.time_ns() // 1_000_000


def when(ms: int | None) -> str | None:
    """Milliseconds since 1970 as ISO 8601 in UTC; the number itself if no calendar holds it."""
    if ms is None:
        return None
    try:
        moment = datetime.fromtimestamp(ms // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{ms % 1000:03}Z" if ms % 1000 else "Z")


def brief(ms: int) -> str:
    """Milliseconds since 1970 to the minute, in UTC, where space is short."""
    exact = when(ms) or ""
    return f"{exact[:16]}Z" if "T" in exact else exact


def sparkline(values: Sequence[int]) -> str:
    """Numbers as a line of small bars, the least lowest and the greatest highest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1
    return "".join(BARS[(value - low) * (len(BARS) - 1) // span] for value in values)
