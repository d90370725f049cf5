"""Values as bytes: what is written is read again, is what Avro says, and no bytes do harm."""

import contextlib
import io
import json
import random
import time
import tracemalloc
from pathlib import Path

import fastavro
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams import avro, codec, schemas
from streams.codec import Undecodable, decode, decode_state, encode, encode_state, pack, unpack
from streams.errors import BadData
from streams.schemas import schema
from streams.topics import TOPICS

GOLDEN = Path(__file__).parent / "golden"
TOPIC_OF = {topic.value_schema: name for name, topic in TOPICS.items() if topic.value_schema}
TOPIC_OF["score-changes-audience"] = "score-changes.shop"
NAMES = schemas.names()
WIRE = [name for name in NAMES if name in TOPIC_OF]
PURCHASE = {
    "event_id": "p-1",
    "citizen_id": "c-1",
    "occurred_at": 1_704_103_200_000,
    "source": "shop",
    "category": "books",
    "amount_minor": 1299,
    "currency": "EUR",
    "quantity": 1,
}


def write(name, values):
    if name in TOPIC_OF:
        return encode(TOPIC_OF[name], values)
    return encode_state(name.removeprefix("state/"), values)


def read(name, value):
    if name in TOPIC_OF:
        return decode(TOPIC_OF[name], value)
    return decode_state(name.removeprefix("state/"), value)


def without_logical_types(avro_schema):
    if isinstance(avro_schema, dict):
        kept = {key: value for key, value in avro_schema.items() if key != "logicalType"}
        return {key: without_logical_types(value) for key, value in kept.items()}
    if isinstance(avro_schema, list):
        return [without_logical_types(part) for part in avro_schema]
    return avro_schema


def plain(name):
    """The schema as fastavro wants it to give ints for times and dates."""
    return fastavro.parse_schema(without_logical_types(schema(name)))


def values_of(name):
    """A strategy for any values that fit a schema."""
    named = schemas.named(schema(name))

    def strategy(type_):
        type_ = named.get(type_, type_) if isinstance(type_, str) else type_
        if isinstance(type_, list):
            return st.one_of(*map(strategy, type_))
        match type_ if isinstance(type_, str) else type_["type"]:
            case "record":
                fields = {field["name"]: strategy(field["type"]) for field in type_["fields"]}
                return st.fixed_dictionaries(fields)
            case "array":
                return st.lists(strategy(type_["items"]), max_size=4)
            case "enum":
                return st.sampled_from(type_["symbols"])
            case scalar:
                return SCALARS[scalar]

    return strategy(schema(name))


SCALARS = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1) | st.integers(-9000, 9000),
    "long": st.integers(-(2**63), 2**63 - 1) | st.integers(-9000, 9000),
    "string": st.text(st.characters(exclude_categories=["Cs"])),
    "bytes": st.binary(),
}

# ---- golden bytes


def golden():
    """One case for each example of each version: name, version, values, bytes."""
    return list(_golden())


def _golden():
    for file in sorted(GOLDEN.rglob("*.json")):
        name, _, version = str(file.relative_to(GOLDEN).with_suffix("")).rpartition(".v")
        for place, each in enumerate(json.loads(file.read_text())):
            parts = name, int(version), with_bytes(each["values"]), bytes.fromhex(each["hex"])
            yield pytest.param(*parts, id=f"{name}.v{version}-{place}")


def with_bytes(values):
    """Strings stand for bytes in JSON as hex:00ff."""
    if isinstance(values, dict):
        return {key: with_bytes(value) for key, value in values.items()}
    if isinstance(values, list):
        return [with_bytes(value) for value in values]
    is_bytes = isinstance(values, str) and values.startswith("hex:")
    return bytes.fromhex(values[4:]) if is_bytes else values


def shared(one, other):
    """What one says, without the fields that the other does not have."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {field: shared(one[field], other[field]) for field in one if field in other}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [shared(*pair) for pair in zip(one, other, strict=True)]
    return one


@pytest.mark.parametrize(("name", "version", "values", "pinned"), golden())
def test_pinned_bytes_are_read_for_ever(name, version, values, pinned):
    """As far as that version and today's have the same fields."""
    assert shared(read(name, pinned), values) == shared(values, read(name, pinned))


@pytest.mark.parametrize(("name", "version", "values", "pinned"), golden())
def test_pinned_values_are_still_written_to_the_same_bytes(name, version, values, pinned):
    """If this change of bytes is meant: python -m tests.golden."""
    if version == schemas.versions(name)[-1].version:
        assert write(name, values).hex() == pinned.hex()


def test_every_version_of_every_schema_has_pinned_bytes():
    expected = {f"{name}.v{each.version}" for name in NAMES for each in schemas.versions(name)}
    files = {str(file.relative_to(GOLDEN).with_suffix("")) for file in GOLDEN.rglob("*.json")}
    assert files == expected


# ---- there and back


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
def test_what_is_written_is_read_again_and_is_what_fastavro_reads_and_writes(name, data):
    values = data.draw(values_of(name))
    written = write(name, values)
    assert read(name, written) == values
    body = written[5 if name in TOPIC_OF else 1 :]
    assert fastavro.schemaless_reader(io.BytesIO(body), plain(name), None) == values
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, plain(name), values)
    assert stream.getvalue() == body


def test_a_field_with_a_default_may_be_left_out():
    less = {field: value for field, value in PURCHASE.items() if field != "quantity"}
    assert decode("purchases", encode("purchases", less)) == PURCHASE


def test_a_value_begins_with_zero_and_its_topics_schema_id():
    value = encode("purchases", PURCHASE)
    assert value[0] == 0
    assert int.from_bytes(value[1:5], "big") == codec.schema_id("purchases")


def test_shadow_changes_are_written_as_changes_and_every_audiences_as_one_another():
    assert codec.schema_id("score-changes.shadow") == codec.schema_id("score-changes")
    assert codec.schema_id("score-changes.shop") == codec.schema_id("score-changes.bank")
    assert codec.schema_id("score-changes.shop") != codec.schema_id("score-changes")


def test_arrays_in_several_blocks_with_and_without_their_size_are_read():
    """Java's blocking encoder writes them so."""
    head = codec.encode("shares", {"citizen_id": "c", "occurred_at": 1, "shares": []})[:-1]
    one = b"\x02a\x02\x00\x00\x04"  # audience a, reveals [tier], until 2
    assert (
        decode("shares", head + b"\x02" + one + b"\x02" + one + b"\x00")["shares"]
        == [{"audience": "a", "reveals": ["tier"], "until": 2}] * 2
    )
    sized = b"\x01" + bytes((2 * len(one),)) + one  # count -1, then the block's size
    assert len(decode("shares", head + sized + b"\x02" + one + b"\x00")["shares"]) == 2


# ---- another version


OLD = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "gone", "type": ["null", {"type": "array", "items": "string"}], "default": None},
        {"name": "kept", "type": "long"},
        {
            "name": "parts",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "P",
                    "fields": [
                        {"name": "a", "type": "string"},
                        {"name": "b", "type": "int", "default": 3},
                    ],
                },
            },
        },
    ],
}
NEW = {
    "type": "record",
    "name": "R",
    "fields": [
        {
            "name": "parts",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "P",
                    "fields": [
                        {"name": "c", "type": ["null", "string"], "default": None},
                        {"name": "a", "type": "string"},
                    ],
                },
            },
        },
        {"name": "kept", "type": "long"},
        {"name": "more", "type": {"type": "array", "items": "long"}, "default": []},
    ],
}


def test_a_value_of_another_version_is_given_in_todays_form():
    old = {"gone": ["x"], "kept": 7, "parts": [{"a": "z", "b": 9}]}
    body = avro.writer(OLD, b"head")(**old)
    get = avro.reader(OLD, NEW)
    assert get(body, 4) == {"parts": [{"c": None, "a": "z"}], "kept": 7, "more": []}
    get(body, 4)["more"].append(1)
    assert get(body, 4)["more"] == []  # a default is nobody's to change


def test_resolution_is_fastavros():
    stream = io.BytesIO()
    old = {"gone": None, "kept": 7, "parts": [{"a": "z", "b": 9}, {"a": "", "b": 1}]}
    fastavro.schemaless_writer(stream, OLD, old)
    theirs = fastavro.schemaless_reader(io.BytesIO(stream.getvalue()), OLD, NEW)
    assert avro.reader(OLD, NEW)(stream.getvalue(), 0) == theirs


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
def test_fields_that_are_not_wanted_are_stepped_over(name, data):
    values = data.draw(values_of(name))
    wanted = data.draw(st.sets(st.sampled_from(sorted(values))))
    body = write(name, values)[5 if name in TOPIC_OF else 1 :]
    some = avro.narrowed(schema(name), {field: {} for field in wanted})
    read_some = avro.reader(schema(name), some)
    assert read_some(body, 0) == {field: values[field] for field in values if field in wanted}
    for end in range(len(body)):
        with pytest.raises(avro.Malformed):
            read_some(body[:end], 0)


@given(values_of("state/citizen"))
def test_a_standing_is_a_part_of_a_citizens_row(values):
    wanted = ("scorecard", "shadow", "tier")
    accounts = [{field: each[field] for field in wanted} for each in values["accounts"]]
    row = encode_state("citizen", values)
    assert decode_state("standing", row) == {"accounts": accounts, "due": values["due"]}


# ---- hostile bytes


def reason(topic, value):
    with pytest.raises(Undecodable) as caught:
        decode(topic, value)
    return caught.value.reason


def test_what_is_no_value_of_the_topic_has_a_named_reason():
    value = encode("purchases", PURCHASE)
    assert reason("purchases", None) == "null_value"
    assert reason("purchases", b"") == "wrong_magic"
    assert reason("purchases", value[:4]) == "wrong_magic"
    assert reason("purchases", b"\x01" + value[1:]) == "wrong_magic"
    assert reason("purchases", json.dumps(PURCHASE).encode()) == "wrong_magic"
    assert reason("purchases", b"\x00\xff\xff\xff\xff" + value[5:]) == "unknown_schema"
    assert reason("fines", value) == "unknown_schema"
    assert reason("purchases", value[:-1]) == "undecodable"
    assert reason("purchases", value + b"\x00") == "undecodable"


HEAD = codec.encode("ticks", {"occurred_at": 0})[:5]


def varint(value):
    written = b""
    while value > 127:
        written += bytes((value & 127 | 128,))
        value >>= 7
    return written + bytes((value,))


@pytest.mark.parametrize(
    "body",
    [
        b"\x80" * 9 + b"\x02",  # 65 bits
        b"\xff" * 10 + b"\x01",  # eleven bytes
        b"\x80" * 1_000_000,
        b"\xff" * 1_000_000 + b"\x00",
    ],
)
def test_a_number_of_more_than_64_bits_is_refused_at_once(body):
    start = time.perf_counter()
    assert reason("ticks", HEAD + body) == "undecodable"
    assert time.perf_counter() - start < 1


def test_the_largest_and_the_smallest_long_are_read():
    for value in (2**63 - 1, -(2**63)):
        assert decode("ticks", encode("ticks", {"occurred_at": value})) == {"occurred_at": value}


@pytest.mark.parametrize("size", [2**7, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1])
def test_a_claimed_size_takes_no_more_than_the_bytes_that_are_there(size):
    text = encode("purchases", PURCHASE)[:5] + varint(2 * size) + b"p-1"
    citizen = encode("consents", {"citizen_id": "c", "occurred_at": 1, "grants": []})[:-1]
    count = citizen + varint(2 * size) + b"\x00\x00\x00"
    blocks = citizen + varint(2 * size - 1) + varint(2 * size) + b"\x00\x00\x00"
    tracemalloc.start()
    assert reason("purchases", text) == "undecodable"
    assert reason("consents", count) == "undecodable"
    assert reason("consents", blocks) == "undecodable"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("value", [-1, -(2**31), -(2**63)])
def test_a_negative_length_is_refused(value):
    text = encode("purchases", PURCHASE)[:5] + varint(-2 * value - 1) + b"p-1"
    assert reason("purchases", text) == "undecodable"


def test_a_date_beyond_32_bits_an_unknown_symbol_and_an_unknown_branch_are_refused():
    event = {
        field: PURCHASE[field] for field in ("event_id", "citizen_id", "occurred_at", "source")
    }
    amount = {"amount_minor": 1, "currency": "EUR"}
    due = encode("payments", {**event, "obligation": "", **amount, "due_on": 0, "paid_on": None})
    assert decode("payments", due[:-2] + b"\x01\x00")["due_on"] == -1
    assert reason("payments", due[:-2] + varint(2**32) + b"\x00") == "undecodable"
    assert reason("payments", due[:-1] + b"\x04") == "undecodable"
    fine = encode("fines", {**event, "offence": "o", "severity": "minor", **amount})
    for symbol in (b"\x01", b"\x06", varint(2**64 - 2)):
        assert reason("fines", fine.replace(b"\x02o\x00", b"\x02o" + symbol)) == "undecodable"
    shared = encode("score-changes.shop", {"citizen_id": "c", "scorecard": "s", "ended": True})
    assert reason("score-changes.shop", shared[:-1] + b"\x02") == "undecodable"


@pytest.mark.parametrize("wrong", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
def test_a_text_must_be_utf_8_and_only_the_field_is_told(wrong):
    value = encode("purchases", PURCHASE | {"category": "?" * len(wrong)})
    with pytest.raises(Undecodable) as caught:
        decode("purchases", value.replace(b"?" * len(wrong), wrong))
    assert caught.value.detail == "category is not UTF-8"


def test_a_detail_names_the_field_where_reading_stopped_also_deep_inside():
    value = encode("purchases", PURCHASE)
    with pytest.raises(Undecodable, match="the body ends before currency"):
        decode("purchases", value[: value.index(b"\x06EUR")])
    grant = {"scorecard": "s", "kinds": ["k"], "covers_from": 5}
    value = encode("consents", {"citizen_id": "c", "occurred_at": 1, "grants": [grant]})
    with pytest.raises(Undecodable, match=r"the body ends before grants\.covers_from"):
        decode("consents", value[:-2])


@pytest.mark.parametrize("name", WIRE)
@given(st.binary(max_size=200))
@example(b"\x00" * 50)
@example(b"\xff" * 50)
def test_no_bytes_raise_anything_but_undecodable(name, body):
    topic = TOPIC_OF[name]
    for value in (body, b"\x00" + codec.schema_id(topic).to_bytes(4, "big") + body):
        with contextlib.suppress(Undecodable):
            decode(topic, value)


@pytest.mark.parametrize("name", NAMES)
def test_no_mutation_of_a_good_value_raises_anything_else_and_what_is_read_can_be_written(name):
    chance = random.Random(name)
    good = [case.values[3] for case in golden() if case.values[0] == name]
    for _ in range(2_000):
        value = bytearray(chance.choice(good))
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(value)) if value else 0
            match chance.randrange(5):
                case 0:
                    value[at : at + 1] = bytes((chance.randrange(256),))
                case 1:
                    del value[at:]
                case 2:
                    del value[at : at + chance.randrange(1, 8)]
                case 3:
                    value[at:at] = chance.randbytes(chance.randrange(1, 8))
                case 4:
                    value[at:at] = varint(chance.getrandbits(chance.randrange(1, 65)))
        try:
            values = read(name, bytes(value))
        except (Undecodable, BadData):
            continue
        assert read(name, write(name, values)) == values


# ---- values that do not fit


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount_minor": "12"}, "amount_minor is not of the field's type"),
        ({"amount_minor": 12.5}, "amount_minor is not of the field's type"),
        ({"amount_minor": 2**63}, "amount_minor is not of the field's type"),
        ({"amount_minor": None}, "amount_minor is not of the field's type"),
        ({"category": 7}, "category is not of the field's type"),
        ({"category": b"books"}, "category is not of the field's type"),
        ({"category": "\ud800"}, "category is not of the field's type"),
        ({"colour": "red"}, "there is no field colour"),
    ],
)
def test_values_that_do_not_fit_are_refused_and_the_field_is_named(change, said):
    with pytest.raises(BadData, match=said):
        encode("purchases", PURCHASE | change)


def test_a_missing_field_is_named_and_a_missing_day_of_payment_is_not_taken_for_missed():
    less = {field: value for field, value in PURCHASE.items() if field != "currency"}
    with pytest.raises(BadData, match="currency is missing"):
        encode("purchases", less)
    event = {
        field: PURCHASE[field] for field in ("event_id", "citizen_id", "occurred_at", "source")
    }
    bill = {"obligation": "rent", "amount_minor": 1, "currency": "EUR", "due_on": 0}
    with pytest.raises(BadData, match="paid_on is missing"):
        encode("payments", event | bill)


def test_a_symbol_and_a_day_that_the_schema_does_not_allow_are_refused():
    event = {
        field: PURCHASE[field] for field in ("event_id", "citizen_id", "occurred_at", "source")
    }
    amount = {"amount_minor": 1, "currency": "EUR"}
    with pytest.raises(BadData, match="severity"):
        encode("fines", {**event, "offence": "o", "severity": "grave", **amount})
    bill = {"obligation": "", "due_on": 2**31, "paid_on": None}
    with pytest.raises(BadData, match="due_on"):
        encode("payments", {**event, **amount, **bill})


def test_a_topic_of_raw_bytes_has_no_codec():
    with pytest.raises(ValueError, match="raw bytes"):
        decode("dead-letters", b"")


@pytest.mark.parametrize(
    "type_",
    [
        "float",
        "null",
        {"type": "map", "values": "long"},
        ["long", "string"],
        ["null", "long", "int"],
    ],
)
def test_avro_that_the_contract_does_not_use_is_refused_before_any_record(type_):
    unused = {"type": "record", "name": "R", "fields": [{"name": "f", "type": type_}]}
    with pytest.raises(ValueError, match=r"the contract uses no|the only unions"):
        avro.reader(unused, unused)
    with pytest.raises(ValueError, match=r"the contract uses no|the only unions"):
        avro.writer(unused, b"")


def test_an_array_of_items_without_bytes_is_refused_before_any_record():
    """A few bytes could claim any number of them."""
    empty = {"type": "array", "items": {"type": "record", "name": "E", "fields": []}}
    hostile = {"type": "record", "name": "R", "fields": [{"name": "f", "type": empty}]}
    with pytest.raises(ValueError, match="take a byte"):
        avro.reader(hostile, hostile)


@pytest.mark.parametrize("name", ["from", "class", "_join"])
def test_a_field_that_cannot_be_a_parameter_is_refused_before_any_record(name):
    odd = {"type": "record", "name": "R", "fields": [{"name": name, "type": "long"}]}
    with pytest.raises(ValueError, match="cannot be a field"):
        avro.writer(odd, b"")


def test_nullable_items_and_a_record_without_fields_are_written():
    nothing = {"type": "record", "name": "N", "fields": []}
    items = {"type": "array", "items": ["null", "long"]}
    fields = [{"name": "items", "type": items}, {"name": "nothing", "type": nothing}]
    both = {"type": "record", "name": "R", "fields": fields}
    values = {"items": [None, 5, -9000], "nothing": {}}
    assert avro.reader(both, both)(avro.writer(both, b"head")(**values), 4) == values


# ---- stored values


def test_a_stored_value_of_an_unknown_version_tells_what_to_do():
    value = encode_state("entry", {"fact": None, "disputes": [], "corrections": []})
    assert value[0] == 1
    for unknown in (b"\x63" + value[1:], b""):
        with pytest.raises(BadData, match=r"another version.*delete its state folder"):
            decode_state("entry", unknown)


def test_a_damaged_stored_value_tells_what_to_do():
    value = encode_state("entry", {"fact": None, "disputes": [], "corrections": []})
    with pytest.raises(BadData, match=r"damaged.*restored from the changelogs"):
        decode_state("entry", value[:-1])


# ---- keys


def test_a_packed_key_is_pinned():
    assert pack("é", 5, b"\x00").hex() == "0002c3a9" + "0008" + "00" * 7 + "05" + "000100"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.binary()))
def test_a_packed_key_gives_its_parts_again(parts):
    assert unpack(pack(*parts)) == [p.encode() if isinstance(p, str) else p for p in parts]


@given(st.lists(st.binary(), min_size=2), st.lists(st.binary(), min_size=2))
def test_different_parts_never_make_one_key(one, other):
    assert (pack(*one) == pack(*other)) == (one == other)


@given(st.lists(st.binary(max_size=5), max_size=3), st.binary(max_size=5))
def test_the_first_parts_make_a_prefix_of_the_key(parts, last):
    assert pack(*parts, last).startswith(pack(*parts))


@pytest.mark.parametrize("key", [b"\x00", b"\x00\x05abc", b"\x00\x01a\x00"])
def test_what_is_no_packed_key_is_refused(key):
    with pytest.raises(ValueError, match="not a packed key"):
        unpack(key)
