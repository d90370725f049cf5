"""A dead letter says why, where from, and comes back exactly as the record that was refused."""

from dataclasses import replace

import pytest

from streams import dead_letters
from streams.record import Record

RECORD = Record("fines", 3, 42, 1_700_000_000_123, b"c-1", b"\x00untouched\xff", (("trace", b"t"),))


def test_header_names_are_those_of_kafka_streams():
    headers = dict(dead_letters.headers_for("negative_amount", "amount_minor: not below 0", RECORD))
    assert headers["__streams.errors.exception"] == b"plainscore.negative_amount"
    assert headers["__streams.errors.message"] == b"amount_minor: not below 0"
    assert headers["__streams.errors.topic"] == b"fines"
    assert headers["__streams.errors.partition"] == b"3"
    assert headers["__streams.errors.offset"] == b"42"
    assert headers["plainscore.reason"] == b"negative_amount"
    assert headers["plainscore.timestamp"] == b"1700000000123"
    assert "plainscore.kept" not in headers


@pytest.mark.parametrize("kept", [None, True, False])
def test_a_refused_record_comes_back_as_it_was(kept):
    headers = dead_letters.headers_for("conflicting_duplicate", "category", RECORD, kept=kept)
    letter = dead_letters.read(
        Record("dead-letters", 1, 7, 5, RECORD.key, RECORD.value, tuple(headers))
    )
    assert letter.refused == RECORD
    assert (letter.reason, letter.detail, letter.kept) == (
        "conflicting_duplicate",
        "category",
        kept,
    )
    assert (letter.partition, letter.offset) == (1, 7)


def test_a_record_cannot_forge_where_it_came_from():
    forged = replace(
        RECORD, headers=((dead_letters.TOPIC, b"consents"), (dead_letters.KEPT, b"true"))
    )
    headers = dead_letters.headers_for("bad_id", "citizen_id", forged)
    letter = dead_letters.read(Record("dead-letters", 0, 0, 0, None, None, tuple(headers)))
    assert letter.refused.topic == "fines"
    assert letter.kept is None


def test_own_headers_that_are_large_or_many_stay_behind():
    many = replace(RECORD, headers=(("big", b"x" * 1000), *((f"h{i}", b"") for i in range(50))))
    own = [n for n, _ in dead_letters.headers_for("bad_id", "", many) if n not in dead_letters.OURS]
    assert own == [f"h{i}" for i in range(8)]


def test_a_letter_without_our_headers_is_still_read():
    letter = dead_letters.read(Record("dead-letters", 0, 9, 0, b"k", None, (("x", None),)))
    assert (letter.reason, letter.refused.offset) == ("", -1)
    assert letter.sentence


def test_every_reason_says_what_was_wrong_and_what_to_do():
    for reason, sentence in dead_letters.REASONS.items():
        assert sentence.count(". ") >= 1, reason
        assert sentence.endswith((".", "?", ")")), reason


@pytest.mark.parametrize("number", [b"", b"x", b"-5", b"9" * 30, b"9" * 5_000])
def test_a_number_that_no_record_has_is_read_as_missing(number):
    """A replay of all letters would end at this one."""
    names = (dead_letters.PARTITION, dead_letters.OFFSET, dead_letters.TIMESTAMP)
    headers = tuple((name, number) for name in names)
    refused = dead_letters.read(Record("dead-letters", 0, 9, 0, b"k", None, headers)).refused
    assert (refused.partition, refused.offset, refused.timestamp) == (-1, -1, -1)
