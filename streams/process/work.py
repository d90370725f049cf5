"""A citizen's time, and the work that its ledger must be read again for, in pieces."""

from streams.codec import pack, unpack
from streams.process.batch import Batch
from streams.scoring.apply import begin_work, finish_work, pass_time, stale, work_on
from streams.scoring.change import Effect
from streams.scoring.citizen import Cause, Citizen
from streams.scoring.ledger import EMPTY
from streams.state import read_entry, write_entry


def bring_to(batch: Batch, citizen: Citizen, time: int) -> None:
    """Move a citizen's time to the latest of a time, the partition's tick and its own."""
    batch.touched[citizen.id] = citizen
    tick = batch.partition.tick
    effects = pass_time(citizen, time if tick is None or time > tick else tick)
    if effects:
        batch.effects.emit(citizen, effects)


def renew(batch: Batch, citizen: Citizen) -> None:
    """Bring a citizen to the scorecards in force now; and go on with what was begun."""
    while citizen.work is not None or stale(citizen, citizen.as_of, batch.scorecards):
        if citizen.work is None:
            begin_work(citizen, Cause("scorecard", ""), batch.scorecards)
        batch.effects.emit(citizen, advance(batch, citizen))
        if citizen.work is not None:
            return  # this batch may read no more


def expire(batch: Batch, citizen: Citizen) -> None:
    """Let entries leave that lie past the horizon; they have long weighed nothing."""
    renew(batch, citizen)  # a version that has come into force is a cause of its own
    oldest = citizen.oldest
    past = oldest is not None and oldest < citizen.as_of - batch.options.horizon
    if past and citizen.work is None:
        begin_work(citizen, Cause("ticks", batch.partition.tick_cause), batch.scorecards)
        batch.effects.emit(citizen, advance(batch, citizen))


def advance(batch: Batch, citizen: Citizen) -> list[Effect]:
    """Do the citizen's work as far as this batch may; give what that changes."""
    if citizen.work is None:
        return []
    batch.touched[citizen.id] = citizen
    prefix = pack(citizen.id, citizen.since)
    while citizen.work is not None and batch.rows_left > 0:
        limit = min(batch.rows_left, 1_000)
        rows = batch.ledger.scan(prefix, citizen.work.cursor or None, limit)
        batch.rows_left -= len(rows)
        read = [(key, unpack(key)[2].decode(), read_entry(value)) for key, value in rows]
        lost = work_on(citizen, read, batch.scorecards, batch.options.horizon)
        for key, kept in lost.items():
            batch.entries[key] = written = None if kept == EMPTY else write_entry(kept)
            if written is None:
                batch.ledger.delete(key)
            else:
                batch.ledger.put(key, written)
        if len(rows) < limit:
            return finish_work(citizen, batch.scorecards)
    return []
