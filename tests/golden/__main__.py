"""Take what schemas/ now says as the contract: ids, kept versions and golden bytes.

    python -m tests.golden                  a changed schema gets a new version and a new id;
                                            one that is not compatible both ways is refused
    python -m tests.golden --rewrite NAME   the newest version of NAME is written anew: only for a
                                            schema that has never been released

Run from the root of the repository. Golden files keep their values, only bytes are made anew; a
schema without one gets an example to be edited.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from streams import codec, schemas
from streams.compatible import incompatibilities
from streams.errors import BadData

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent
FIRST_ID = 1001  # of topics' values; a stored value's id is a byte, and its version


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.golden")
    arguments.add_argument("--rewrite", nargs="+", default=[], metavar="NAME")
    rewritten = arguments.parse_args().rewrite
    ids_file = ROOT / "schemas" / "ids.json"
    ids = json.loads(ids_file.read_text()) if ids_file.exists() else {}
    names = schemas.names()
    if not all(accept(name, ids.setdefault(name, []), ids, name in rewritten) for name in names):
        return 1
    ids_file.write_text(laid_out(ids))
    schemas.versions.cache_clear()
    for name in names:
        keep(name)
        write_golden(name)
    return 0


def accept(name: str, listed: list[dict[str, Any]], ids: dict[str, Any], rewrite: bool) -> bool:
    """Give the schema's text a version if it is new; False if it may not have one."""
    now = schemas.schema(name)
    print_ = schemas.fingerprint(now)
    if rewrite and listed:
        listed[-1]["fingerprint"] = print_
    elif not listed or listed[-1]["fingerprint"] != print_:
        for version in listed:
            problems = incompatibilities(now, schemas.archived(name, version["version"]))
            if problems:
                print(
                    f"{name}: not compatible with version {version['version']}:",
                    *problems,
                    sep="\n  ",
                )
                return False
        version = len(listed) + 1
        used = [each["id"] for versions in ids.values() for each in versions]
        new_id = version if name.startswith("state/") else max([FIRST_ID - 1, *used]) + 1
        listed.append({"id": new_id, "version": version, "fingerprint": print_})
        print(f"{name}: version {version}, id {new_id}")
    return True


def keep(name: str) -> None:
    """Keep the schema's text as that of its newest version."""
    kept = ROOT / "schemas" / "versions" / f"{name}.v{schemas.versions(name)[-1].version}.avsc"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text((ROOT / "schemas" / f"{name}.avsc").read_text())


def write_golden(name: str) -> None:
    """Make the bytes of the newest version's golden values anew."""
    file = GOLDEN / f"{name}.v{schemas.versions(name)[-1].version}.json"
    examples = json.loads(file.read_text()) if file.exists() else [{"values": example(name)}]
    try:
        golden = [
            {"values": each["values"], "hex": encoded(name, each["values"])} for each in examples
        ]
    except BadData as error:
        print(f"{name}: golden values do not fit any more ({error}); an example stands for them")
        golden = [{"values": example(name), "hex": encoded(name, example(name))}]
    file.parent.mkdir(exist_ok=True)
    file.write_text(laid_out(golden))


def encoded(name: str, values: Any) -> str:
    if name.startswith("state/"):
        return codec.encode_state(name.removeprefix("state/"), with_bytes(values)).hex()
    topic = "score-changes.shop" if name == "score-changes-audience" else name
    return codec.encode(topic, with_bytes(values)).hex()


def example(name: str) -> Any:
    """Make an example of a schema: every field there, no matter what it says."""

    named: dict[str, Any] = {}

    def make(type_: Any) -> Any:
        if isinstance(type_, dict) and "name" in type_:
            named[type_["name"]] = type_
        match type_:
            case str() if type_ in named:
                return make(named[type_])
            case [*branches]:
                return make(branches[-1])
            case {"type": "record", "fields": fields}:
                return {field["name"]: make(field["type"]) for field in fields}
            case {"type": "array", "items": items}:
                return [make(items)]
            case {"type": "enum", "symbols": symbols}:
                return symbols[-1]
            case {"type": plain} | plain:
                return {"string": "naïve", "boolean": True, "bytes": "hex:00ff"}.get(plain, 12345)

    return make(schemas.schema(name))


def with_bytes(values: Any) -> Any:
    """Turn the strings that stand for bytes in JSON, hex:00ff, into bytes."""
    if isinstance(values, dict):
        return {key: with_bytes(value) for key, value in values.items()}
    if isinstance(values, list):
        return [with_bytes(value) for value in values]
    if isinstance(values, str) and values.startswith("hex:"):
        return bytes.fromhex(values[4:])
    return values


def laid_out(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
