"""The contract's files: each schema as it is now, its id, and every version that there ever was.

`schemas/NAME.avsc` is the schema now. `schemas/ids.json` lists its versions, oldest first, each
with the id that stands in a record's first bytes, so that no registry is needed; the text of each
is kept as `schemas/versions/NAME.vN.avsc`. NAME is a topic's value_schema, or state/NAME for a
stored value, whose id is its leading version byte.
"""

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from streams.errors import BadData

Schema = Any  # an Avro schema as JSON has it: a dict, a list (union) or a name


class Version(NamedTuple):
    """One version of a schema: its id in records, its number from 1, its fingerprint."""

    id: int
    version: int
    fingerprint: str


@cache
def names() -> tuple[str, ...]:
    """Give the name of every schema, topics' values first."""
    folder = files("schemas")
    values = [file.name for file in folder.iterdir() if file.name.endswith(".avsc")]
    state = ["state/" + file.name for file in (folder / "state").iterdir()]
    return tuple(name.removesuffix(".avsc") for name in sorted(values) + sorted(state))


@cache
def schema(name: str) -> dict[str, Any]:
    """Give the schema as its .avsc now says it, with docs and logical types."""
    return _read(f"{name}.avsc")


@cache
def versions(name: str) -> tuple[Version, ...]:
    """Give the versions of a schema, oldest first; the last is what is written."""
    listed = _read("ids.json").get(name, ())
    if not listed:
        raise BadData(
            f"the schema {name} has no id",
            where="schemas/ids.json",
            next_step="Give it one: python -m tests.golden",
        )
    return tuple(Version(**version) for version in listed)


@cache
def archived(name: str, version: int) -> dict[str, Any]:
    """Give the text of one version, as it was when it got its id."""
    return _read(f"versions/{name}.v{version}.avsc")


def fingerprint(schema: Schema) -> str:
    """Give SHA-256 of all that the schema says but its docs, in hexadecimal."""
    text = json.dumps(_without_docs(schema), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def named(schema: Schema) -> dict[str, Schema]:
    """Give every named type in a schema by its name."""
    if isinstance(schema, list):
        return {name: type_ for branch in schema for name, type_ in named(branch).items()}
    if not isinstance(schema, dict):
        return {}
    found = {schema["name"]: schema} if "name" in schema else {}
    for field in schema.get("fields", ()):
        found |= named(field["type"])
    return found | named(schema.get("items"))


def _without_docs(schema: Schema) -> Schema:
    if isinstance(schema, dict):
        return {key: _without_docs(value) for key, value in schema.items() if key != "doc"}
    if isinstance(schema, list):
        return [_without_docs(part) for part in schema]
    return schema


def _read(path: str) -> dict[str, Any]:
    text = files("schemas").joinpath(*path.split("/")).read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read
