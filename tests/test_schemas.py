"""The contract's files: documented, versioned, compatible both ways, and what the code reads."""

import copy
import json

import fastavro
import pytest

from streams import schemas
from streams.compatible import incompatibilities
from streams.kinds import EVERY_EVENT, kind_of, kinds
from streams.schemas import schema
from streams.scoring.kind import Field
from streams.topics import KINDS

NAMES = schemas.names()
TAKE_IT = "schemas/ and ids.json differ: if the change is meant, run python -m tests.golden"


def records(avro):
    """Every record in a schema, itself first."""
    return [each for each in schemas.named(avro).values() if each["type"] == "record"]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_avro_and_every_part_of_it_says_what_it_is(name):
    avro = schema(name)
    fastavro.parse_schema(copy.deepcopy(avro))
    assert avro["namespace"] == "plainscore"
    for type_ in schemas.named(avro).values():
        assert type_["doc"], type_["name"]
    for record in records(avro):
        for field in record["fields"]:
            assert field["doc"].endswith("."), f"{record['name']}.{field['name']}"


@pytest.mark.parametrize("name", NAMES)
def test_the_newest_version_is_the_schema_as_it_stands(name):
    """A changed schema needs a new version and id; a changed doc does not."""
    newest = schemas.versions(name)[-1]
    assert newest.fingerprint == schemas.fingerprint(schema(name)), TAKE_IT


@pytest.mark.parametrize("name", NAMES)
def test_every_version_is_kept_as_it_was_and_numbered_from_1(name):
    versions = schemas.versions(name)
    assert [each.version for each in versions] == list(range(1, len(versions) + 1))
    for each in versions:
        kept = schemas.fingerprint(schemas.archived(name, each.version))
        assert kept == each.fingerprint, f"version {each.version} of {name} was changed"


@pytest.mark.parametrize("name", NAMES)
def test_all_versions_read_each_other(name):
    texts = [schemas.archived(name, each.version) for each in schemas.versions(name)]
    for older in texts:
        assert incompatibilities(schema(name), older) == []


def test_no_two_schemas_share_an_id_and_a_stored_values_id_is_its_version():
    wire = [each.id for name in NAMES if "/" not in name for each in schemas.versions(name)]
    assert len(wire) == len(set(wire))
    for name in NAMES:
        if name.startswith("state/"):
            assert all(each.id == each.version for each in schemas.versions(name))


def test_a_changed_schema_no_longer_has_its_fingerprint():
    fines = schema("fines")
    for change in (
        lambda avro: avro["fields"].pop(),
        lambda avro: avro["fields"].reverse(),
        lambda avro: avro["fields"][0].update(default=""),
        lambda avro: avro["fields"][2].update(type="long"),
        lambda avro: avro["fields"][5]["type"]["symbols"].append("grave"),
    ):
        changed = copy.deepcopy(fines)
        change(changed)
        assert schemas.fingerprint(changed) != schemas.fingerprint(fines)
    reworded = copy.deepcopy(fines) | {"doc": "In other words."}
    assert schemas.fingerprint(reworded) == schemas.fingerprint(fines)


# ---- compatible both ways


def without_docs(avro):
    if isinstance(avro, dict):
        return {key: without_docs(value) for key, value in avro.items() if key != "doc"}
    return [without_docs(part) for part in avro] if isinstance(avro, list) else avro


def record(*fields):
    return {"type": "record", "name": "R", "fields": list(fields)}


LONG = {"name": "n", "type": "long"}
NOTE = {"name": "note", "type": "string"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
ENUM = {"type": "enum", "name": "E", "symbols": ["a", "b"]}
MORE = {"type": "enum", "name": "E", "symbols": ["a", "b", "c"]}
INNER = {"type": "record", "name": "I", "fields": [LONG]}
INNER_MORE = {"type": "record", "name": "I", "fields": [LONG, NOTE]}
CHANGES = {
    "a field without a default": ([LONG], [LONG, NOTE], False),
    "a field with a default": ([LONG], [LONG, {**NOTE, "default": ""}], True),
    "the fields in another order": ([LONG, NOTE], [NOTE, LONG], True),
    "another type": ([LONG], [{"name": "n", "type": "string"}], False),
    "a wider type": ([{"name": "n", "type": "int"}], [LONG], False),
    "another logical type": ([LONG], [{"name": "n", "type": MILLIS}], False),
    "null allowed": ([LONG], [{"name": "n", "type": ["null", "long"]}], False),
    "null first instead of last": (
        [{"name": "n", "type": ["long", "null"]}],
        [{"name": "n", "type": ["null", "long"]}],
        True,
    ),
    "a symbol more": ([{"name": "n", "type": ENUM}], [{"name": "n", "type": MORE}], False),
    "a symbol more, with a default": (
        [{"name": "n", "type": {**ENUM, "default": "a"}}],
        [{"name": "n", "type": {**MORE, "default": "a"}}],
        True,
    ),
    "another item": (
        [{"name": "n", "type": {"type": "array", "items": "long"}}],
        [{"name": "n", "type": {"type": "array", "items": "string"}}],
        False,
    ),
    "a field more deep inside": (
        [{"name": "n", "type": {"type": "array", "items": INNER}}, {"name": "m", "type": "I"}],
        [{"name": "n", "type": {"type": "array", "items": INNER_MORE}}, {"name": "m", "type": "I"}],
        False,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_counts_as_compatible_both_ways(change):
    before, after, compatible = CHANGES[change]
    assert (incompatibilities(record(*before), record(*after)) == []) is compatible
    assert (incompatibilities(record(*after), record(*before)) == []) is compatible


def test_a_record_of_another_name_is_not_compatible_and_the_place_is_told():
    one = record({"name": "n", "type": INNER})
    other = record({"name": "n", "type": {**INNER, "name": "J"}})
    assert incompatibilities(one, other) == ["n: J cannot be read as I", "n: I cannot be read as J"]


# ---- kinds


def test_the_kinds_are_read_off_their_schemas():
    fields = {name: dict(kinds()[name].fields) for name in ("purchases", "fines", "payments")}
    amount = {"amount_minor": Field("long"), "currency": Field("string")}
    assert fields == {
        "purchases": {
            "category": Field("string"),
            **amount,
            "quantity": Field("long", default=1),
        },
        "fines": {
            "offence": Field("string"),
            "severity": Field("enum", ("minor", "moderate", "severe")),
            **amount,
        },
        "payments": {
            "obligation": Field("string"),
            **amount,
            "due_on": Field("date"),
            "paid_on": Field("date", nullable=True),
        },
    }


def test_a_kind_needs_what_every_event_has_and_types_that_scorecards_read():
    base = [{"name": name, "type": "string"} for name in EVERY_EVENT]
    with pytest.raises(ValueError, match="lacks source"):
        kind_of("parking", record(*base[:-1]))
    with pytest.raises(ValueError, match=r"parking\.n "):
        kind_of("parking", record(*base, {"name": "n", "type": "double"}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_correction_replaces_fields_by_values_of_the_events_own_types(kind):
    """Null stands for unchanged."""
    event = {field["name"]: field["type"] for field in schema(kind)["fields"]}
    correction = {field["name"]: field for field in schema("corrections")["fields"]}
    for name in kinds()[kind].fields.keys() & correction.keys():
        type_ = event[name][-1] if isinstance(event[name], list) else event[name]
        assert without_docs(correction[name]["type"]) == ["null", without_docs(type_)]
        assert correction[name]["default"] is None


@pytest.mark.parametrize("kind", ["purchases", "fines", "payments"])
def test_every_field_of_an_event_can_be_replaced(kind):
    correction = {field["name"] for field in schema("corrections")["fields"]}
    assert kinds()[kind].fields.keys() <= correction


def test_the_ids_file_names_every_schema_and_nothing_else():
    listed = json.loads((schemas.files("schemas") / "ids.json").read_text())
    assert sorted(listed) == sorted(NAMES)
