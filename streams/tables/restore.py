"""Bring a partition's folder up to the ends of its changelogs, or begin it anew from them."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streams.errors import BadData
from streams.marks import HEARTBEAT
from streams.outage import passes
from streams.scoring.ledger import DAY
from streams.state import standing_of
from streams.tables.counted import Counted
from streams.tables.ends import Ends, unreachable
from streams.tables.overlay import due_key
from streams.tables.partition import FORM, TABLES, Corrupt, PartitionStore, partition_folder
from streams.topics import CHANGELOGS, full_name

BATCH = 5_000  # records written at once
SHORT = 0.01  # seconds that a whole batch is waited for: what is there is written meanwhile
NOT_OWNED_FOR = 7 * DAY  # then a folder is deleted

OnProgress = Callable[[int, int], None]  # records read, records still to read

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Restored:
    """What a restore came to."""

    records: int
    seconds: float
    counted: Counted  # what the partition holds now


def open_restored(
    state_dir: Path,
    partition: int,
    consumer_config: Mapping[str, Any],
    prefix: str,
    ends: Ends,
    on_progress: OnProgress,
    delete_retention_ms: int,
) -> tuple[PartitionStore, Restored]:
    """Open a partition's folder, begin it anew if it is of no use, and restore it.

    Raises BadData where a changelog has lost what would have to be restored.
    """
    path = partition_folder(state_dir, partition)
    try:
        store = PartitionStore.open(path)
        try:
            keep = usable(store, ends, delete_retention_ms)
        except BaseException:
            store.close()
            raise
        if not keep:
            store.close()
            PartitionStore.destroy(path)
            store = PartitionStore.open(path)
    except Corrupt as error:
        _check_kept({}, ends, path)
        _log.warning("state_folder_restored_anew", folder=str(path), why=error.what)
        PartitionStore.destroy(path)
        store = PartitionStore.open(path)
    try:
        restored = restore(store, partition, consumer_config, prefix, ends, on_progress)
    except BaseException:
        store.close()
        raise
    return store, restored


def usable(store: PartitionStore, ends: Ends, delete_retention_ms: int) -> bool:
    """Tell whether the folder's rows, and the changelogs' tails, make the tables.

    If not, the log says why, and the folder must be destroyed: a tombstone that it never read may
    have left the changelog, and an erased citizen would come back. Raises BadData where a changelog
    has lost what would have to be read: the folder may be the last to hold it.
    """
    reason = _unusable(store, ends, delete_retention_ms)
    _check_kept(store.offsets() if reason is None else {}, ends, store.path)
    if reason is not None:
        _log.warning("state_folder_restored_anew", folder=str(store.path), why=reason)
    return reason is None


def _unusable(store: PartitionStore, ends: Ends, delete_retention_ms: int) -> str | None:
    if store.form != FORM:
        return f"it has form {store.form}, this plainscore reads form {FORM}"
    offsets, written = store.offsets(), store.last_write_ms()
    if not offsets and written is None:
        return None  # new
    if store.follows() not in ({}, ends.ids):  # none: of a plainscore that did not note them
        return "it follows other changelogs: those of another cluster, or of deleted topics"
    if written is None or written < ends.asked_ms - delete_retention_ms // 2:
        return "its last write is older than half of the changelogs' delete.retention.ms"
    for table in TABLES:
        offset = offsets.get(table)
        if offset is None or offset > ends.high[table]:
            return f"its offset {offset} lies outside of the changelog of {table}"
    return None


def _check_kept(offsets: Mapping[str, int], ends: Ends, path: Path) -> None:
    """Refuse to restore where a changelog no longer holds all from these offsets on.

    Compaction leaves a log's beginning where it was, at 0, even if it leaves no record. Whoever
    restored the rest alone would score people by a part of what is known of them.
    """
    for table in TABLES:
        offset = offsets.get(table, 0)
        if offset < ends.low[table]:
            raise _lost(CHANGELOGS[table], offset, path)


def _lost(topic: str, offset: int, path: Path) -> BadData:
    return BadData(
        f"Kafka has deleted records of {topic} that the state folder has not read: those from "
        f"offset {offset} on",
        where=str(path),
        next_step="Set the topic's cleanup.policy to compact again (plainscore topics apply). Then "
        "put a folder in this one's place that has read them, if a worker has one still, or put "
        "the topic back from a backup. If there is neither, begin anew: deploy/README.md says how.",
    )


def restore(
    store: PartitionStore,
    partition: int,
    consumer_config: Mapping[str, Any],
    prefix: str,
    ends: Ends,
    on_progress: OnProgress,
) -> Restored:
    """Read the changelogs from the stored offsets to their ends.

    Only what was committed is read, and an open transaction is waited for: it may be the
    predecessor's last. on_progress is called many times a second; what it raises ends the restore.
    """
    began = time.monotonic()
    store.follow(ends.ids)
    places = {full_name(topic, prefix): table for table, topic in CHANGELOGS.items()}
    writer = _Writer(store, places)
    if store.last_write_ms() is None:
        # If this restore breaks off, the next one must know from when on tombstones were missed.
        writer.write(ends.asked_ms)
    written_ms = store.last_write_ms()

    def left() -> int:
        return sum(max(0, end - writer.offsets[table]) for table, end in ends.high.items())

    on_progress(0, left())
    loading = writer.counted is None and left() > 0
    with store.loading() if loading else nullcontext():
        if left():
            # Numbers: to look up "the beginning" takes librdkafka half a second.
            begin = {topic: writer.offsets[table] for topic, table in places.items()}
            consumer = Consumer(_reading(consumer_config))
            try:
                consumer.assign([TopicPartition(t, partition, at) for t, at in begin.items()])
                while left():
                    writer.take(consumer.consume(BATCH, timeout=SHORT))
                    writer.write(written_ms)
                    on_progress(writer.records, left())
            finally:
                consumer.close()
        counted = writer.finish(written_ms, ends.asked_ms, lambda: on_progress(writer.records, 0))
    return Restored(writer.records, time.monotonic() - began, counted)


def _reading(consumer_config: Mapping[str, Any]) -> dict[str, Any]:
    """Give librdkafka's settings of a client that reads changelogs."""
    return {
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 50,
        **consumer_config,
        "group.id": "plainscore-restore",  # librdkafka wants one; nobody joins it
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
    }


class _Writer:
    """Gathers changelog records and writes them to the store, a batch at a time.

    Whoever reads a tail keeps the index of due times and the counts in step with it. From the start
    on most rows are soon replaced by others: there both are made once, of the rows that are left.
    A folder without counts is one in which that is still to be done.
    """

    def __init__(self, store: PartitionStore, places: Mapping[str, str]) -> None:
        self.store = store
        self.places = places  # tables, by what Kafka calls their changelogs
        self.records = 0
        self.offsets = dict.fromkeys(TABLES, 0) | store.offsets()
        self.rows: dict[str, dict[Any, bytes | None]] = {table: {} for table in TABLES}
        counted = store.counted()
        self.counted = None if counted is None else Counted.decode(counted)

    def take(self, messages: list[Message]) -> None:
        """Take records, and the news of ends."""
        for message in messages:
            table = self.places.get(message.topic() or "")
            if table is None:  # an error of the connection, which librdkafka goes on with
                continue
            error, offset = message.error(), message.offset()
            if error is None:
                self.rows[table][message.key()] = message.value()
                self.offsets[table] = offset + 1  # type: ignore[operator]
                self.records += 1
            elif error.code() == KafkaError._PARTITION_EOF and offset is not None:
                self.offsets[table] = offset  # past aborted records and the marks of ends
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise _lost(CHANGELOGS[table], self.offsets[table], self.store.path)
            elif not passes(error):
                raise unreachable(error, f"{message.topic()}, partition {message.partition()}")
        for rows in self.rows.values():
            rows.pop(HEARTBEAT, None)
            rows.pop(None, None)

    def write(self, written_ms: int | None) -> None:
        """Write what was gathered."""
        due: dict[bytes, bytes | None] = {}
        if self.counted is not None:
            citizens = self.rows["citizens"]
            keys = list(citizens)
            for key, old in zip(keys, self.store.get_many("citizens", keys), strict=True):
                if old != citizens[key]:
                    _account(self.counted, due, key, old, -1)
                    _account(self.counted, due, key, citizens[key], 1)
        counted = None if self.counted is None else self.counted.encode()
        self.store.write(self.rows, due, self.offsets, counted, written_ms)
        self.rows = {table: {} for table in TABLES}

    def finish(self, written_ms: int | None, asked_ms: int, on_rows: Callable[[], None]) -> Counted:
        """Write that the folder has reached the changelogs' ends; gives the counts.

        What on_rows raises breaks off: of many rows this takes long.
        """
        if self.counted is None:
            self.counted = self._take_stock(written_ms, on_rows)
        self.write(asked_ms)
        return self.counted

    def _take_stock(self, written_ms: int | None, on_rows: Callable[[], None]) -> Counted:
        """Make the index and the counts of all rows that are there."""
        counted = Counted()
        due: dict[bytes, bytes | None] = {}
        for key, _ in self._rows("due", on_rows):  # left by one that broke off just here
            due[key] = None
            self._write_due(due, BATCH, written_ms)
        self._write_due(due, 1, written_ms)
        for key, value in self._rows("citizens", on_rows):
            _account(counted, due, key, value, 1)
            self._write_due(due, BATCH, written_ms)
        self._write_due(due, 1, written_ms)
        return counted

    def _rows(self, family: str, on_rows: Callable[[], None]) -> Iterator[tuple[bytes, bytes]]:
        """Give all rows, and call on_rows in between."""
        with closing(self.store.rows(family)) as rows:  # else the store could not be closed next
            for number, row in enumerate(rows):
                if number % BATCH == 0:
                    on_rows()
                yield row

    def _write_due(
        self, due: dict[bytes, bytes | None], fewest: int, written_ms: int | None
    ) -> None:
        """Write what was gathered of the index, once it is so many rows."""
        if len(due) >= fewest:
            self.store.write({}, due, self.offsets, None, written_ms)
            due.clear()


def _account(
    counted: Counted,
    due: dict[bytes, bytes | None],
    key: bytes,
    value: bytes | None,
    times: int,
) -> None:
    """Take a row of the table of citizens into the counts and the index, or out of them (-1)."""
    if value is None:
        return
    standing = standing_of(key, value)
    counted.count(standing, times)
    if standing.due is not None:
        due[due_key(standing.due, key)] = b"" if times > 0 else None


def delete_forgotten(state_dir: Path, owned: Collection[int], now_ms: int) -> list[Path]:
    """Delete the folders of partitions that nobody has had open for a week; give which."""
    kept = {partition_folder(state_dir, partition) for partition in owned}
    deleted = []
    for path in sorted(state_dir.glob(partition_folder(state_dir, 0).name.replace("0", "*"))):
        if path in kept:
            continue
        # RocksDB writes to its own log every ten minutes while a folder is open.
        used_ms = max((file.stat().st_mtime for file in path.iterdir()), default=0.0) * 1000
        if used_ms < now_ms - NOT_OWNED_FOR:
            PartitionStore.destroy(path)
            _log.info("forgotten_state_folder_deleted", folder=str(path))
            deleted.append(path)
    return deleted
