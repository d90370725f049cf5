"""Events, disputes and corrections: merged into their entry, and applied."""

from typing import Any

from streams.codec import pack
from streams.given import Given
from streams.process.batch import Batch
from streams.process.refuse import dead_letter
from streams.process.work import bring_to, renew
from streams.record import Record
from streams.scoring.apply import Move, apply_moves, moves_of, settle
from streams.scoring.citizen import Cause, Citizen, covers
from streams.scoring.ledger import (
    EMPTY,
    Entry,
    Fact,
    canonical,
    conflict,
    content_of,
    correction,
    dispute,
    earliest,
    merge,
)
from streams.state import read_entry, write_entry, write_fact
from streams.topics import KINDS
from streams.validity import replaced

MERGED = frozenset((*KINDS, "disputes", "corrections"))  # topics

# Disputes of one event, and corrections: each further one reads and writes all of them again. They
# are counted apart: no source can leave a person's dispute without a place, nor the reverse.
MOST_PARTS = 100
LARGEST_PARTS = 65_536  # bytes


def load_entries(batch: Batch, given: list[Given]) -> list[bytes | None]:
    """Load the entries that records are about, in bulk, and give their keys.

    None: the record is about none, or cannot be taken; or the citizen is not known here.
    """
    places: list[bytes | None] = []
    before: Citizen | None = None
    start = b""
    for each in given:
        topic, values = each.record.topic, each.values
        sound = each.names and each.refusal is None and topic in MERGED
        citizen = batch.known.get(each.names[0]) if sound else None
        if citizen is None or values is None:
            places.append(None)
        else:
            if citizen is not before:
                before, start = citizen, pack(citizen.id, citizen.since)
            places.append(start + _event_key(topic, values))
    keys = list({key for key in places if key is not None})
    batch.entries = dict(zip(keys, batch.ledger.get_many(keys), strict=True)) if keys else {}
    return places


def _event_key(topic: str, values: dict[str, Any]) -> bytes:
    """Give what stands behind the citizen in the ledger's key of an event."""
    about = values.get("about")
    kind, event = (topic, values) if about is None else (about["kind"], about)
    return pack(kind, event["source"], event["event_id"])


def take_entry(batch: Batch, given: Given, key: bytes) -> None:
    """Merge an event, a dispute or a correction into the entry of a key."""
    topic = given.record.topic
    if topic == "disputes":
        _dispute(batch, given, key)
    elif topic == "corrections":
        _correction(batch, given, key)
    else:
        _event(batch, given, key)


def _event(batch: Batch, given: Given, key: bytes) -> None:
    record, values = given.record, given.values
    assert values is not None
    kind, occurred_at = record.topic, values["occurred_at"]
    citizen = _admitted(batch, given, kind, occurred_at)
    if citizen is None:
        return
    content = content_of(batch.kinds[kind], values)
    bring_to(batch, citizen, occurred_at)  # only events move it
    renew(batch, citizen)
    cause = Cause(kind, values["event_id"])
    if batch.entries[key] is None and not _past_horizon(batch, citizen, occurred_at):
        # Nearly every event is the first of its key: what its merge comes to is plain.
        batch.count(record, "scored")
        written = write_fact(occurred_at, canonical(content))
        moves = [(+1, occurred_at, content)]
        _store(batch, citizen, key, kind, written, occurred_at, moves, cause)
    else:
        part = Entry(Fact(occurred_at, canonical(content)))
        _merge_in(batch, record, citizen, key, kind, part, occurred_at, cause)


def _dispute(batch: Batch, given: Given, key: bytes) -> None:
    values = given.values
    assert values is not None
    dispute_id, named = values["dispute_id"], values["about"]["occurred_at"]
    action, statement = values["action"], values["statement"]
    part = dispute(dispute_id, named, values["occurred_at"], action, statement)
    _take_part(batch, given, key, dispute_id, part)


def _correction(batch: Batch, given: Given, key: bytes) -> None:
    values = given.values
    assert values is not None
    correction_id, named = values["correction_id"], values["about"]["occurred_at"]
    content = {"action": values["action"], **replaced(values)}
    part = correction(correction_id, named, values["occurred_at"], content)
    _take_part(batch, given, key, correction_id, part)


def _take_part(batch: Batch, given: Given, key: bytes, part_id: str, part: Entry) -> None:
    """Merge what is said about an event; it moves no time, and its event need not be there."""
    record, values = given.record, given.values
    assert values is not None
    kind, named = values["about"]["kind"], values["about"]["occurred_at"]
    citizen = _admitted(batch, given, kind, named)
    if citizen is not None:
        bring_to(batch, citizen, 0)
        renew(batch, citizen)
        cause = Cause(record.topic, part_id)
        _merge_in(batch, record, citizen, key, kind, part, named, cause)


def _admitted(batch: Batch, given: Given, kind: str, time: int) -> Citizen | None:
    """The gate: give the citizen if some grant covers the kind at the event's time."""
    citizen = batch.known[given.names[0]]
    if citizen is None or not covers(citizen.grants, kind, time):
        batch.count(given.record, "dropped", "not_granted")
        return None
    return citizen


def _past_horizon(batch: Batch, citizen: Citizen, time: int) -> bool:
    """Say whether an event time lies so far back that nothing of it is kept."""
    return time < citizen.as_of - batch.options.horizon


def _merge_in(
    batch: Batch,
    record: Record,
    citizen: Citizen,
    key: bytes,
    kind: str,
    part: Entry,
    time: int,
    cause: Cause,
) -> None:
    """Merge a record into its entry, and publish what that changes."""
    if _past_horizon(batch, citizen, time):
        batch.count(record, "dropped", "past_horizon")
        before = after = EMPTY
    else:
        before, after = _merged(batch, record, key, part)
    if after is before:
        batch.effects.emit(citizen, settle(citizen, cause, batch.scorecards))
    else:
        moves = moves_of(before, after)
        _store(batch, citizen, key, kind, write_entry(after), earliest(after), moves, cause)


def _store(
    batch: Batch,
    citizen: Citizen,
    key: bytes,
    kind: str,
    written: bytes,
    oldest: int,
    moves: list[Move],
    cause: Cause,
) -> None:
    """Put an entry into its place, and publish what it changes."""
    batch.entries[key] = written
    batch.ledger.put(key, written)
    effects = apply_moves(citizen, key, kind, oldest, moves, cause, batch.scorecards)
    if effects:
        batch.effects.emit(citizen, effects)


def _merged(batch: Batch, record: Record, key: bytes, part: Entry) -> tuple[Entry, Entry]:
    """Give an entry before and after a record; the same one twice where nothing changes."""
    stored = batch.entries[key]
    if stored is None:
        batch.count(record, "scored")
        return EMPTY, part
    before = read_entry(stored)
    after = merge(before, part)
    if after == before:
        after = before
    if after is not before and part.fact is None and _too_much(before, part, after):
        detail = f"at most {MOST_PARTS} disputes, or corrections, of an event expected"
        dead_letter(batch, record, "entry_full", detail)
        return before, before
    if conflict(before, part):
        detail, kept = "another content came under this id and time", after.fact == part.fact
        dead_letter(batch, record, "conflicting_duplicate", detail, kept=kept)
    else:
        batch.count(record, "scored", "duplicate" if after is before else "")
    return before, after


def _too_much(before: Entry, part: Entry, after: Entry) -> bool:
    """Say whether a part is more of its sort than is kept of one event; what ends a dispute is
    always taken.
    """
    same = Entry(None, after.disputes) if part.disputes else Entry(None, {}, after.corrections)
    parts = len(same.disputes) + len(same.corrections)
    if parts <= 1 or (parts <= MOST_PARTS and len(write_entry(same)) <= LARGEST_PARTS):
        return False
    ends = [key in before.disputes and s.opened_at is None for key, s in part.disputes.items()]
    return not any(ends)
