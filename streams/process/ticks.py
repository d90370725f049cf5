"""Time passes: ticks, who is due by them, and what versions and withdrawals have left to do."""

from streams.given import Given
from streams.marks import HEARTBEAT
from streams.process.batch import Batch, cause_of
from streams.process.erase import erase
from streams.process.work import bring_to, expire, renew
from streams.scoring.apply import settle, stale
from streams.scoring.citizen import Cause, Citizen
from streams.state import ERASURE
from streams.topics import TOPICS

CITIZENS_A_BATCH = 500  # citizens looked at because time has passed


def tick(batch: Batch, given: Given) -> None:
    """Let time pass for the whole partition; who is due is looked at in pieces."""
    assert given.values is not None
    record, partition = given.record, batch.partition
    time = given.values["occurred_at"]
    if partition.tick is None or time > partition.tick:
        partition.tick = time
        partition.tick_cause = cause_of(record).id
    in_force = batch.scorecards.all_in_force(partition.tick)
    if in_force != partition.swept:
        partition.sweep, partition.swept = b"", in_force
    for topic in TOPICS.values():
        if topic.cleanup == "compact" and topic.partitioned:
            batch.out.produce(topic.name, HEARTBEAT, None)
    batch.count(record, "stored")


def go_on(batch: Batch) -> None:
    """Do a piece of what time, versions and withdrawals have left to do."""
    until = batch.partition.tick or 0
    due = batch.citizens.due(until, CITIZENS_A_BATCH)
    for time, key in due:
        if key.startswith(ERASURE):
            erase(batch, key)
            continue
        citizen = batch.find(key.decode())
        if citizen is None or citizen.due != time:  # left by an older state of the row
            batch.citizens.set_due(key, time, None)
        else:
            _look_at(batch, citizen)
    if batch.partition.sweep is not None and len(due) < CITIZENS_A_BATCH:
        _sweep(batch, batch.partition.sweep, until)
    for citizen in batch.touched.values():
        if citizen.due is None or citizen.due <= citizen.as_of:
            expire(batch, citizen)
    batch.outcome.pending = (
        len(due) == CITIZENS_A_BATCH
        or batch.partition.sweep is not None
        or batch.rows_left <= 0
        or any(citizen.work is not None for citizen in batch.touched.values())
    )


def _sweep(batch: Batch, after: bytes, until: int) -> None:
    """Look at the next of all citizens, for whom other versions may be in force by now."""
    rows = batch.citizens.scan(b"", after or None, CITIZENS_A_BATCH)
    names = [key.decode() for key, _ in rows if not key.startswith(b"\x00")]
    for name in [*names, *batch.touched]:  # who began in this batch is in no row yet
        citizen = batch.find(name)
        if citizen is not None and stale(citizen, max(citizen.as_of, until), batch.scorecards):
            _look_at(batch, citizen)
    batch.partition.sweep = rows[-1][0] if len(rows) == CITIZENS_A_BATCH else None


def _look_at(batch: Batch, citizen: Citizen) -> None:
    """Let time pass for a citizen for whom nothing has arrived."""
    bring_to(batch, citizen, 0)
    renew(batch, citizen)
    cause = Cause("ticks", batch.partition.tick_cause)
    batch.effects.emit(citizen, settle(citizen, cause, batch.scorecards))
