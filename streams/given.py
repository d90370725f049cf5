"""A record with what could be read of it: decoded, checked, and whom it names."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from streams.codec import Undecodable, decode
from streams.record import Record
from streams.topics import GATE
from streams.validity import id_problem, problem

# What is larger is never written anywhere: a broker that refused it would refuse it for ever, and
# nothing behind it would be read.
LARGEST_KEPT = 1_000_000  # bytes of key and value


@dataclass(slots=True, init=False)
class Given:
    """A record with what could be read of it."""

    record: Record
    values: dict[str, Any] | None
    refusal: tuple[str, str] | None  # reason, detail
    names: tuple[str, ...]  # whom it names, first the one where it belongs

    # Written out, as one is made for every record: what dataclass makes is not compiled.
    def __init__(
        self,
        record: Record,
        values: dict[str, Any] | None,
        refusal: tuple[str, str] | None,
        names: tuple[str, ...],
    ) -> None:
        self.record = record
        self.values = values
        self.refusal = refusal
        self.names = names


def read(record: Record, largest: int, audiences: Collection[str] | None) -> Given:
    """Decode a record of at most `largest` bytes, and check all that needs no knowledge of whom it
    names; audiences that are None are not checked.
    """
    if size(record) > largest:
        refusal = "oversized", f"at most {largest} bytes expected"
        return Given(record, None, refusal, named(record) + _told(record))
    if record.value is None and record.topic in GATE:
        names = named(record)
        unknown = None if names else ("null_value", "key: a citizen_id expected")
        return Given(record, None, unknown, names)
    try:
        values = decode(record.topic, record.value)
    except Undecodable as error:
        return Given(record, None, (error.reason, error.detail), named(record))
    found = problem(record.topic, values, record.timestamp, audiences)
    if record.topic == "ticks":
        return Given(record, values, found, named(record))
    name = values["citizen_id"]
    if record.key is None or record.key == name.encode():
        return Given(record, values, found, (name,) if found is None else _somebody(name))
    found = found or ("key_mismatch", "key: the bytes of citizen_id expected")
    return Given(record, values, found, named(record) + _somebody(name))


def named(record: Record) -> tuple[str, ...]:
    """Give whom the key names, if it names somebody."""
    try:
        return _somebody((record.key or b"").decode())
    except UnicodeDecodeError:
        return ()


def _told(record: Record) -> tuple[str, ...]:
    """Give whom the value of a refused record names, if it can be read."""
    if size(record) > LARGEST_KEPT:
        return ()
    try:
        values = decode(record.topic, record.value)
    except Undecodable:
        return ()
    return _somebody(values.get("citizen_id", ""))


def _somebody(name: str) -> tuple[str, ...]:
    """Give a name back, unless it is none that a citizen can have: rows of ours have such keys."""
    return (name,) if id_problem(name) is None else ()


def size(record: Record) -> int:
    """Give the bytes of key and value."""
    return len(record.key or b"") + len(record.value or b"")
