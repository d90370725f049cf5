"""The gate: consents and shares, and what is in force, written again where another has the last
word in the log.
"""

from typing import Any

from streams.codec import encode, pack
from streams.given import Given, named
from streams.marks import ANSWERS, RECEIPT
from streams.process.batch import Batch, cause_of
from streams.process.erase import forget
from streams.process.work import advance, bring_to
from streams.record import Record
from streams.scoring.apply import grant, share
from streams.scoring.citizen import Citizen, Grant
from streams.state import ERASURE, read_grants, read_shares


def consent(batch: Batch, given: Given) -> bool:
    """Put a consent in force; False while the work of the citizen's last one is not done.

    What that has let go must not stay because this one lets it in again.
    """
    record, values = given.record, given.values
    assert values is not None
    grants = read_grants(values["grants"])
    if not grants:
        withdraw(batch, given)
        return True
    citizen = batch.find(values["citizen_id"])
    if citizen is None:
        citizen = _begin(batch, values["citizen_id"], record.timestamp, values, grants)
    else:
        bring_to(batch, citizen, 0)
        batch.effects.emit(citizen, advance(batch, citizen))
        if citizen.work is not None:
            return False  # this batch may read no more
    cause = cause_of(record)
    effects = grant(citizen, grants, values["occurred_at"], cause, batch.scorecards)
    effects += advance(batch, citizen)
    batch.effects.emit(citizen, effects)
    batch.count(record, "stored")
    return True


def _begin(
    batch: Batch,
    citizen_id: str,
    timestamp: int,
    values: dict[str, Any],
    grants: tuple[Grant, ...],
) -> Citizen:
    """Begin with a citizen; an erased generation that is still going keeps its own `since`."""
    since = timestamp
    while batch.citizens.get(ERASURE + pack(citizen_id, since)) is not None:
        since += 1
    as_of = max(batch.partition.tick or 0, min(g.covers_from for g in grants))
    citizen = Citizen(citizen_id, since, as_of, (), values["occurred_at"])
    batch.known[citizen_id] = batch.touched[citizen_id] = citizen
    batch.outcome.citizens += 1
    return citizen


def shares(batch: Batch, given: Given) -> None:
    """Put shares in force."""
    record, values = given.record, given.values
    assert values is not None
    citizen = batch.find(values["citizen_id"])
    # a share that was sent before a withdrawal, and is read after it, must not outlive it
    if citizen is None or record.timestamp < citizen.since:
        batch.count(record, "dropped", "no_consent")
        write_in_force(batch, record)
    elif not values["shares"]:
        withdraw(batch, given)
    else:
        bring_to(batch, citizen, 0)
        given_now = read_shares(values["shares"])
        batch.effects.emit(citizen, share(citizen, given_now, values["occurred_at"]))
        batch.count(record, "stored")


def withdraw(batch: Batch, given: Given) -> None:
    """Take back a consent, with all that was kept under it, or all shares."""
    record, name = given.record, given.names[0]
    citizen = batch.find(name)
    if record.value is not None:  # compaction would keep an empty list
        key = record.key or name.encode()
        batch.out.produce(record.topic, key, None, headers=_answer(record))
    if record.topic == "shares":
        if citizen is not None:
            bring_to(batch, citizen, 0)  # which also has the row stored
            batch.effects.emit(citizen, share(citizen, (), record.timestamp))
            citizen.shared_at = None
    else:
        if citizen is not None and citizen.shared_at is not None:
            batch.out.produce("shares", citizen.id.encode(), None, headers=_answer(record))
        receipt_id = next((v for h, v in record.headers if h == RECEIPT and v), b"")
        forget(batch, name, citizen, receipt_id.decode("utf-8", "replace"), record.timestamp)
    batch.count(record, "stored")


# ---- the last word in the log


def own(batch: Batch, record: Record) -> None:
    """Read what a worker wrote: it changes nothing, but what is in force must have the last
    word in the log, or compaction would keep this.
    """
    if record.value != _in_force(batch, record.topic, named(record)):
        write_in_force(batch, record)
    batch.count(record, "passed")


def write_in_force(batch: Batch, record: Record) -> None:
    """Have the last word about the record's key, which need not be whom its value names."""
    if record.key is not None:
        value = _in_force(batch, record.topic, named(record))
        batch.out.produce(record.topic, record.key, value, headers=_answer(record))


def _in_force(batch: Batch, topic: str, named: tuple[str, ...]) -> bytes | None:
    """Give the value of a consent or of shares that says what is in force; None: nothing is."""
    citizen = batch.find(named[0]) if named else None
    if citizen is None or (topic == "shares" and citizen.shared_at is None):
        return None
    values: dict[str, Any] = {"citizen_id": citizen.id}
    if topic == "consents":
        values["occurred_at"] = citizen.granted_at
        values["grants"] = [each._asdict() for each in citizen.grants]
    else:
        values["occurred_at"] = citizen.shared_at
        values["shares"] = [each._asdict() for each in citizen.shares]
    return encode(topic, values)


def _answer(record: Record) -> list[tuple[str, bytes]]:
    return [(ANSWERS, str(record.offset).encode())]
