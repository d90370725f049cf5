"""The kinds of event, read off their topics' schemas."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from streams.schemas import schema
from streams.scoring.kind import Field, Kind
from streams.topics import KINDS, TOPICS

# What every event has: it names the event and is no matter for a scorecard.
EVERY_EVENT = ("event_id", "citizen_id", "occurred_at", "source")


@cache
def kinds() -> Mapping[str, Kind]:
    """Give every kind by its name, in the order of topics."""
    return {name: kind_of(name, schema(TOPICS[name].value_schema or name)) for name in KINDS}


def kind_of(name: str, schema: Mapping[str, Any]) -> Kind:
    """Make a kind of an event's schema; ValueError if a field has a type no scorecard can read."""
    by_name = {field["name"]: field for field in schema["fields"]}
    missing = [each for each in EVERY_EVENT if each not in by_name]
    if missing:
        raise ValueError(f"the schema of {name} lacks {', '.join(missing)}")
    return Kind(
        name,
        {each: _field(name, field) for each, field in by_name.items() if each not in EVERY_EVENT},
    )


def _field(kind: str, field: Mapping[str, Any]) -> Field:
    type_, default = field["type"], field.get("default")
    nullable = isinstance(type_, list) and "null" in type_
    if nullable:
        (type_,) = (branch for branch in type_ if branch != "null")
    if type_ in ("string", "long"):
        return Field(type_, default=default, nullable=nullable)
    if isinstance(type_, dict) and type_["type"] == "enum":
        return Field("enum", tuple(type_["symbols"]), default, nullable)
    if isinstance(type_, dict) and type_.get("logicalType") == "date":
        return Field("date", default=default, nullable=nullable)
    raise ValueError(f"{kind}.{field['name']} has a type that no scorecard can read: {type_}")
