"""Texts from files and options, turned into the fields of a record by its topic's schema."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, DecimalException
from typing import Any

from streams.cli.show import when
from streams.codec import schema
from streams.errors import BadData, BadUsage
from streams.topics import topic_of

MOST_DIGITS = 18  # of an amount in minor units; a record takes 13
AMOUNT = "amount"  # not in any schema: an amount in whole units, such as 12.99
# Currencies whose minor unit is not a hundredth (ISO 4217).
DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def pairs(given: list[str], option: str) -> dict[str, str]:
    """Read options of the form field=text; BadUsage for one that is not."""
    found: dict[str, str] = {}
    for each in given:
        name, sign, text = each.partition("=")
        if not sign or not name:
            raise BadUsage(
                f"{each!r} is not of the form field=value",
                where=option,
                next_step=f"Write it like {option} source=shop.",
            )
        found[name] = text
    return found


def fields_of(topic: str) -> dict[str, Any]:
    """The fields of the topic's schema by name: their types as Avro writes them."""
    return {field["name"]: field["type"] for field in schema(topic)["fields"]}


def named(topic: str, name: str) -> bool:
    """Tell whether a column or option names a field; dots reach into a field (about.kind)."""
    fields = fields_of(topic)
    outer, dot, _ = name.partition(".")
    if outer not in fields:
        return name == AMOUNT and "amount_minor" in fields
    return not dot or isinstance(_present(fields[outer]), dict)


def known(topic: str, names: list[str], option: str) -> None:
    """Refuse a name that is no field of the topic."""
    fields = fields_of(topic)
    for name in names:
        if not named(topic, name):
            offered = [*fields, AMOUNT] if "amount_minor" in fields else list(fields)
            raise BadUsage(
                f"{topic} has no field {name!r}",
                where=option,
                next_step=f"Its fields are {', '.join(offered)}.",
            )


def from_texts(topic: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Make the fields of a record of texts, as in a CSV file; an empty text is no value.

    Times are ISO 8601 with a time zone, a day alone (its midnight UTC) or ms since 1970; `amount`
    is amount_minor in whole units; lists and records are JSON. BadData names the field.
    """
    fields = fields_of(topic)
    values: dict[str, Any] = {}
    for name, given in texts.items():
        text = given.strip()
        if name == AMOUNT:
            if text:
                values["amount_minor"] = minor(text, texts.get("currency", ""))
            continue
        outer, _, inner = name.partition(".")
        type_ = fields[outer]
        if inner:
            record = _present(type_)
            within = {f["name"]: f["type"] for f in record.get("fields", ())}
            if inner not in within:
                raise BadUsage(
                    f"{topic}.{outer} has no field {inner!r}",
                    next_step=f"Its fields are {', '.join(within)}.",
                )
            values.setdefault(outer, {})[inner] = _value(within[inner], text, name)
        elif text:
            values[name] = _value(type_, text, name)
        elif isinstance(type_, list):
            values[name] = None
    return values


def from_json(topic: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Make the fields of a record of JSON: as they are, but for times, dates and `amount`."""
    fields = fields_of(topic)
    made = {
        name: _moments(fields[name], value, name) if name in fields else value
        for name, value in values.items()
    }
    if AMOUNT in made and named(topic, AMOUNT):
        made["amount_minor"] = minor(str(made.pop(AMOUNT)), str(values.get("currency", "")))
    return made


def time(text: str, name: str = "time") -> int:
    """Read a time as ms since 1970: ISO 8601 with a zone, a day (midnight UTC), or ms."""
    if re.fullmatch("-?[0-9]{1,20}", text) and len(text) not in (4, 8):
        return int(text)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is not None and read.tzinfo is None and len(text) <= 10:
        read = read.replace(tzinfo=UTC)
    if read is None or read.tzinfo is None:
        raise BadData(
            f"{name} must be a time with its zone, and is {_shown(text)}",
            next_step="Write it like 2024-05-31T12:00:00Z.",
        )
    since = read - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def moment(text: str, option: str) -> int:
    """Read an option's time as ms since 1970."""
    try:
        return time(text, "A time")
    except BadData as error:
        raise BadUsage(error.what, where=option, next_step=error.next_step) from None


def day(text: str, name: str = "day") -> int:
    """Read a date as days since 1970."""
    try:
        return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        raise BadData(
            f"{name} must be a day, and is {_shown(text)}", next_step="Write it like 2024-05-31."
        ) from None


def minor(text: str, currency: str) -> int:
    """Read an amount in whole units as minor units, exactly: 12.99 USD is 1299."""
    decimals = DECIMALS.get(currency.strip(), 2)
    try:
        amount = Decimal(text).scaleb(decimals)
    except DecimalException:
        amount = Decimal("NaN")
    # A few characters can stand for a million digits: 1e999999.
    small = amount.is_finite() and amount.adjusted() < MOST_DIGITS
    if not small or amount != amount.to_integral_value():
        raise BadData(
            f"amount must be a number with at most {decimals} decimals"
            f" and {MOST_DIGITS} digits, and is {_shown(text)}",
            next_step="Write it like 12.99, with a point and no separators.",
        )
    return int(amount)


def _present(type_: Any) -> Any:
    """The type inside a union with null."""
    if isinstance(type_, list):
        (type_,) = (branch for branch in type_ if branch != "null")
    return type_


def _value(type_: Any, text: str, name: str) -> Any:
    if isinstance(type_, list) and not text:
        return None
    type_ = _present(type_)
    if isinstance(type_, dict):
        if type_.get("logicalType") == "timestamp-millis":
            return time(text, name)
        if type_.get("logicalType") == "date":
            return day(text, name)
        if type_["type"] in ("array", "record"):
            try:
                return _moments(type_, json.loads(text), name)
            except (ValueError, RecursionError):
                raise BadData(
                    f"{name} must be JSON, and is {_shown(text)}", next_step="Mend this field."
                ) from None
    if type_ in ("long", "int"):
        try:
            return int(text)
        except ValueError:
            raise BadData(
                f"{name} must be a whole number, and is {_shown(text)}",
                next_step="Mend this field.",
            ) from None
    return text


def _moments(type_: Any, value: Any, name: str) -> Any:
    """Read times and dates wherever the type has them; leave all else to the publisher."""
    type_ = _present(type_)
    if not isinstance(type_, dict):
        return value
    if isinstance(value, str) and type_.get("logicalType") == "timestamp-millis":
        return time(value, name)
    if isinstance(value, str) and type_.get("logicalType") == "date":
        return day(value, name)
    if isinstance(value, list) and type_["type"] == "array":
        return [_moments(type_["items"], item, f"{name}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict) and type_["type"] == "record":
        within = {field["name"]: field["type"] for field in type_["fields"]}
        return {
            key: _moments(within.get(key), item, f"{name}.{key}") for key, item in value.items()
        }
    return value


def _shown(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def schema_of(topic: str) -> dict[str, Any]:
    """The schema of a topic's values, an audience's too."""
    return schema(topic_of(topic).value_schema or topic)


def readable(type_: Any, values: Any) -> Any:
    """Make values as the codec gives them fit for people: times and dates in ISO 8601, UTC."""
    type_ = _present(type_)
    if values is None or not isinstance(type_, dict):
        return values
    if type_.get("logicalType") == "timestamp-millis":
        return when(values)
    if type_.get("logicalType") == "date":
        return calendar(values)
    if type_["type"] == "array":
        return [readable(type_["items"], item) for item in values]
    if type_["type"] == "record":
        return {f["name"]: readable(f["type"], values.get(f["name"])) for f in type_["fields"]}
    return values


def calendar(days: int) -> str:
    """Days since 1970 as a date; the number itself if no calendar holds it."""
    try:
        return (date(1970, 1, 1) + timedelta(days)).isoformat()
    except OverflowError:
        return str(days)
