"""A batch from its records to its rows: each record is routed to the chapter that it is for."""

from collections.abc import Sequence

from streams.effects import Out
from streams.given import LARGEST_KEPT, Given, read, size
from streams.marks import ANSWERS, HEARTBEAT
from streams.outcome import Outcome, add
from streams.process.batch import Batch, Options, has
from streams.process.entries import load_entries, take_entry
from streams.process.forward import elsewhere, forward, left_behind
from streams.process.gate import consent, own, shares, withdraw
from streams.process.refuse import refuse, refuse_enormous
from streams.process.ticks import go_on, tick
from streams.record import Record
from streams.scoring.apply import next_due
from streams.scoring.citizen import Citizen, Scorecards
from streams.state import PARTITION_KEY, read_partition, write_citizen, write_partition
from streams.topics import GATE
from streams.views import CitizensView, View

CHUNK = 64  # records read, and then applied: few enough to stay in the processor's nearest cache
KNOWN_CITIZENS = 50_000  # of a partition, kept as they are in memory


def process(
    partition: int,
    records: Sequence[Record],
    citizens: CitizensView,
    ledger: View,
    scorecards: Scorecards,
    out: Out,
    options: Options,
    known: dict[str, Citizen | None] | None = None,
) -> Outcome:
    """Apply a partition's records: consents and shares come first, then all others, those of one
    citizen in their order.

    What is left (`Outcome.left`) must be given again with the partition's next batch, before its
    records. `known` are citizens as the partition's earlier batches left them, so that they need
    not be read again. The caller keeps both from one committed batch to the next, and drops them
    with the partition or when a transaction does not commit.
    """
    known = {} if known is None else known
    if len(known) > KNOWN_CITIZENS:
        known.clear()
    batch = Batch(partition, citizens, ledger, scorecards, out, options, known)
    gate: list[Record] = []
    others: list[Record] = []
    for record in records:
        (gate if record.topic in GATE else others).append(record)
    others.sort(key=_whom)  # a citizen's records are taken together, while it is at hand
    left = _take_in(batch, gate)
    batch.outcome.left = left + others if left else _take_in(batch, others)
    go_on(batch)
    _write(batch)
    return batch.outcome


def _whom(record: Record) -> bytes:
    return record.key or b""


def _take_in(batch: Batch, records: list[Record]) -> list[Record]:
    """Take records in their order; give those from the first on that must wait."""
    largest, audiences = batch.options.max_record_bytes, batch.options.audiences
    for start in range(0, len(records), CHUNK):
        chunk = records[start : start + CHUNK]
        taken = _take_all(batch, [read(each, largest, audiences) for each in chunk])
        if taken < len(chunk):
            return records[start + taken :]
    return []


def _take_all(batch: Batch, given: list[Given]) -> int:
    """Take records, with what is stored about them loaded in bulk; give how many were taken."""
    batch.load_citizens(given)
    for taken, (each, key) in enumerate(zip(given, load_entries(batch, given), strict=True)):
        if key is not None:
            take_entry(batch, each, key)
        elif not _take(batch, each):
            return taken
    return len(given)


def _take(batch: Batch, given: Given) -> bool:
    """Pass over, forward, refuse or apply one record, and count it as what it was.

    False: it must wait for another batch.
    """
    # In this order: what is not for us to judge; what may be kept nowhere; what is another
    # partition's to judge; what nobody's consent lets us keep, or what cannot be read; the rest.
    record, names = given.record, given.names
    if record.key == HEARTBEAT or left_behind(batch, record):
        batch.count(record, "passed")
    elif size(record) > LARGEST_KEPT:
        refuse_enormous(batch, record)
    elif record.topic != "ticks" and (right := elsewhere(batch, names)) is not None:
        forward(batch, given, right)
    elif record.topic in GATE and has(record, ANSWERS):
        own(batch, record)
    elif given.refusal is not None:
        refuse(batch, record, names, given.refusal)
    elif record.topic == "ticks":
        tick(batch, given)
    elif record.topic not in GATE:
        batch.count(record, "dropped", "no_consent")
    elif record.value is None:
        withdraw(batch, given)
    elif record.topic == "consents":
        return consent(batch, given)
    else:
        shares(batch, given)
    return True


def _write(batch: Batch) -> None:
    """Put every row that was touched into its table, and the latest scores out."""
    for topic, number in batch.scored.items():
        add(batch.outcome.counts, (topic, "scored", ""), number)
    for citizen in batch.touched.values():
        key = citizen.id.encode()
        due = next_due(citizen, batch.scorecards, batch.options.horizon)
        if due != citizen.due:
            batch.citizens.set_due(key, citizen.due, due)
            citizen.due = due
            if due is not None and due <= (batch.partition.tick or 0):
                batch.outcome.pending = True
        batch.citizens.put(key, write_citizen(citizen))
    partition = write_partition(batch.partition)
    if partition != (batch.stored_partition or write_partition(read_partition(None))):
        batch.citizens.put(PARTITION_KEY, partition)
    batch.effects.send_scores()
