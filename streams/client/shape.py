"""Holds a record against its schema before it is sent, and says which field is wrong."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from streams import codec, validity
from streams.errors import BadData, BadUsage
from streams.topics import TOPICS

Moment = int | datetime
"""A point in time: milliseconds since 1970 UTC, or a datetime that knows its time zone."""

_Check = Callable[[Any, str], Any]  # (value, path) -> the value as the codec takes it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGERS = {"int": 31, "long": 63}  # bits beside the sign
_OWN_IDS = {"disputes": "dispute_id", "corrections": "correction_id"}


def shaped(topic: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record as the codec takes it: every field there, times as ms, dates as days.

    Raises BadData naming the field, what was expected and what was given; nothing else is judged.
    """
    check, _ = _prepared(topic)
    shape: dict[str, Any] = check(values, topic)
    return shape


def own_id(topic: str) -> str:
    """Name the field by which a topic's records are told apart. BadUsage: they have none."""
    if TOPICS[topic].role == "event":
        return "event_id"
    if topic not in _OWN_IDS:
        raise BadUsage(
            f"Records of {topic} have no id of their own",
            next_step="Leave natural_key out.",
        )
    return _OWN_IDS[topic]


def natural_id(topic: str, shape: Mapping[str, Any]) -> str:
    """Make an id from all other fields (32 hex digits), so that sending again changes nothing.

    Nulls and defaults are left out first: a new optional field changes no id.
    """
    _, defaults = _prepared(topic)
    skipped = own_id(topic)
    content = {
        name: value
        for name, value in shape.items()
        if name != skipped and value is not None and value != defaults.get(name)
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def key_of(citizen_id: str) -> bytes:
    """Give the key of a citizen's records. Raises BadData for an id that nobody can have."""
    text = _string(citizen_id, "citizen_id")
    if (problem := validity.id_problem(text)) is not None:
        reason, detail = problem
        raise BadData(detail, where=reason, next_step="Check the id.")
    return text.encode()


def milliseconds(moment: Moment, path: str = "occurred_at") -> int:
    """Turn a moment into milliseconds since 1970 UTC. Raises BadData without a time zone."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise _wrong(path, "a time with its time zone", moment)
        since = moment - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    return _integer(moment, path, 63)


@cache
def _prepared(topic: str) -> tuple[_Check, dict[str, Any]]:
    schema = codec.schema(topic)
    defaults = {field["name"]: field["default"] for field in schema["fields"] if "default" in field}
    return _check_of(schema, {}), defaults


def _check_of(schema: Any, named: dict[str, _Check]) -> _Check:
    if isinstance(schema, list):
        return _union(schema, named)
    if isinstance(schema, str):
        return named.get(schema) or _check_of({"type": schema}, named)
    kind = schema["type"]
    if kind == "record":
        return _record(schema, named)
    if kind == "array":
        return _array(_check_of(schema["items"], named))
    if kind == "enum":
        return named.setdefault(schema["name"], _enum(frozenset(schema["symbols"])))
    if kind in _INTEGERS:
        return _number(_INTEGERS[kind], schema.get("logicalType"))
    if kind == "null":
        return _null
    if kind == "string":
        return _string
    if kind == "bytes":
        return _bytes
    return _check_of(kind, named)


def _record(schema: Mapping[str, Any], named: dict[str, _Check]) -> _Check:
    fields = [
        (field["name"], _check_of(field["type"], named), "default" in field, field.get("default"))
        for field in schema["fields"]
    ]
    names = frozenset(name for name, *_ in fields)

    def check(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(path, f"the fields {', '.join(sorted(names))}", value)
        if not names.issuperset(value):
            unknown = min(str(name) for name in value if name not in names)
            raise BadData(
                f"{path} has no field {unknown!r}",
                next_step=f"Its fields are {', '.join(sorted(names))}.",
            )
        shape = {}
        for name, field_check, optional, default in fields:
            if name in value:
                shape[name] = field_check(value[name], f"{path}.{name}")
            elif optional:
                shape[name] = default
            else:
                raise BadData(f"{path}.{name} is missing", next_step="Add it: it is required.")
        return shape

    named[schema["name"]] = check
    return check


def _union(branches: list[Any], named: dict[str, _Check]) -> _Check:
    """Only the unions that the contract has: null and one other."""
    (present,) = (branch for branch in branches if branch != "null")
    inner = _check_of(present, named)

    def check(value: Any, path: str) -> Any:
        return None if value is None else inner(value, path)

    return check


def _array(item: _Check) -> _Check:
    def check(value: Any, path: str) -> list[Any]:
        if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
            raise _wrong(path, "a list", value)
        return [item(each, f"{path}[{i}]") for i, each in enumerate(value)]

    return check


def _enum(symbols: frozenset[str]) -> _Check:
    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in symbols:
            raise _wrong(path, f"one of {', '.join(sorted(symbols))}", value)
        return value

    return check


def _number(bits: int, logical: str | None) -> _Check:
    if logical == "timestamp-millis":
        return milliseconds
    if logical == "date":
        return _days

    def check(value: Any, path: str) -> int:
        return _integer(value, path, bits)

    return check


def _days(value: Any, path: str) -> int:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.toordinal() - _EPOCH.toordinal()
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(path, "a date", value)
    return _integer(value, path, 31)


def _integer(value: Any, path: str, bits: int) -> int:
    if type(value) is not int or not -(1 << bits) <= value < 1 << bits:
        raise _wrong(path, f"a whole number of at most {bits + 1} bits", value)
    return value


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(path, "a text", value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _wrong(path, "a text that UTF-8 can hold", value) from None
    return value


def _bytes(value: Any, path: str) -> bytes:
    if not isinstance(value, bytes):
        raise _wrong(path, "bytes", value)
    return value


def _null(value: Any, path: str) -> None:
    if value is not None:
        raise _wrong(path, "nothing", value)


def _wrong(path: str, expected: str, value: object) -> BadData:
    try:
        shown = repr(value)
    except ValueError:  # Python writes out no number of more than 4,300 digits
        shown = "one of thousands of digits"
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return BadData(f"{path} must be {expected}, and is {shown}", next_step="Mend this field.")
