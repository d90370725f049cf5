"""A partition's part in a transaction, and what becomes of it once that has ended well."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message

from streams import metrics
from streams.outcome import Outcome
from streams.record import Record
from streams.scoring.citizen import Citizen
from streams.tables.counted import Counted
from streams.tables.overlay import Overlay
from streams.tables.partition import PartitionStore
from streams.topics import CHANGELOGS
from streams.transport.ages import Told
from streams.transport.batch import Batch
from streams.transport.out import Out

Offsets = dict[str, int]  # by table, the next offset of its changelog; -1 until it is known


@dataclass
class Held:
    """A partition that this worker owns: its tables, and what is remembered of its citizens."""

    number: int
    store: PartitionStore
    overlay: Overlay
    counted: Counted
    known: dict[str, Citizen | None] = field(default_factory=dict)
    pending: bool = True  # work may be left from before
    left: list[Record] = field(default_factory=list)  # fetched, and not taken yet

    def forget(self) -> None:
        """Drop what an unfinished transaction did, and what will be read again with it."""
        self.overlay.clear()
        self.known.clear()
        self.left.clear()


@dataclass
class Part:
    """One partition's part in a transaction: what `process` is given, and what it came to."""

    held: Held
    records: list[Record]
    out: Out
    outcome: Outcome | None = None
    offsets: Offsets = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The partition."""
        return self.held.number

    @property
    def known(self) -> dict[str, Citizen | None]:
        """The citizens as earlier transactions left them."""
        return self.held.known

    def send_rows(self) -> None:
        """Send the last value of each changed key to its changelog."""
        for table, rows in self.held.overlay.changes().items():
            if rows:
                self.offsets[table] = -1
                self.out.produce_rows(CHANGELOGS[table], rows, self._noting(table))

    def _noting(self, table: str) -> Told:
        def note(error: KafkaError | None, message: Message) -> None:
            self.out.hear(error, message)
            offset = message.offset()
            if error is None and offset is not None:
                self.offsets[table] = offset + 1

        return note


def in_turn(parts: list[Part]) -> Iterator[Part]:
    """Give part after part; what one has changed is on its way while the next is processed."""
    for part in parts:
        yield part
        part.send_rows()


def hold_back(batch: Batch, parts: list[Part]) -> None:
    """Let the inputs go on at what is left: it comes again with the next batch."""
    for part in parts:
        outcome = part.outcome
        assert outcome is not None
        if part.held.left or outcome.left:
            for record in part.records:
                place = record.topic, part.number
                batch.positions[place] = max(batch.positions.get(place, 0), record.offset + 1)
            for record in outcome.left:
                place = record.topic, part.number
                batch.positions[place] = min(batch.positions[place], record.offset)


def write_stores(parts: list[Part]) -> None:
    """Write what a transaction did that has been committed, one write for each partition."""
    for part in parts:
        held, outcome = part.held, part.outcome
        assert outcome is not None
        held.counted.move(outcome.citizens, outcome.tiers)
        held.store.write(
            held.overlay.changes(),
            held.overlay.due_changes(),
            part.offsets,
            held.counted.encode(),
        )
        held.overlay.clear()
        held.pending, held.left = outcome.pending, outcome.left


def count(batch: Batch, parts: list[Part]) -> None:
    """Tell the metrics of a transaction that has been committed."""
    now = time.time_ns() // 1_000_000
    metrics.transactions.labels("committed").inc()
    metrics.batch_records.observe(len(batch))
    for part in parts:
        outcome = part.outcome
        assert outcome is not None
        metrics.count(outcome)
        for (scorecard, cause), number in outcome.changes.items():
            metrics.changes.labels(scorecard, cause).inc(number)
        metrics.held.move(part.number, outcome.citizens, outcome.tiers)
        for topic, sent in batch.sent(part.number, part.records).items():
            metrics.delays.observe(topic, sent, now)
            offset = batch.positions[topic, part.number]
            metrics.lag.reached(topic, part.number, offset, sent[-1])
