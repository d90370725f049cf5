"""The member of the group: the one thread that owns librdkafka's consumer.

Others hand it calls through a queue. It keeps polling, so that the group's protocol goes on, also
while nothing is fetched; then its partitions are paused.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from streams import metrics
from streams.record import Record
from streams.topics import bare_name, full_name
from streams.transport.batch import Batch

log = structlog.get_logger(__name__)

T = TypeVar("T")
Place = tuple[str, int]  # a topic's bare name, and a partition

GATE = ("consents", "shares")  # read to their end before what they let through
MOST_RECORDS = 10_000  # in a batch
IDLE = 1.0  # seconds without a fetch, after which the group's protocol must be served all the same
WAIT = 0.05  # seconds that one poll waits


class Member(threading.Thread):
    """Fetches batches for the partitions that the group gives it.

    `on_assigned(partitions, generation)` is called in this thread and must not block;
    `on_revoked()` blocks until nobody works on the partitions any more.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        prefix: str,
        gather_seconds: float,
        on_assigned: Callable[[set[int], int], None],
        on_revoked: Callable[[], None],
    ) -> None:
        super().__init__(name="member", daemon=True)
        self._consumer = Consumer(dict(config))
        self._admin = AdminClient(
            {k: v for k, v in config.items() if k in _ADMIN or k.startswith(("ssl.", "sasl."))}
        )
        self._prefix = prefix
        self._gather_seconds = gather_seconds
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._backlog: list[Message] = []  # fetched, and not of the batch that was being read
        self._reached: dict[Place, int] = {}  # the next offset of each place
        self._reading = False  # between `start` and the end of a generation
        self._paused = False
        self._noted = 0.0
        self.generation = 0
        self.metadata: Any = None  # of the group, for the transaction: taken on assignment

    # ---- from other threads

    def call(self, function: Callable[[], T]) -> "Future[T]":
        """Have a function called in this thread; it is served within about WAIT."""
        future: Future[T] = Future()
        self._calls.put((function, future))
        return future

    def stop(self) -> None:
        """Leave the group and end the thread."""
        self._calls.put(None)

    # ---- in this thread

    def run(self) -> None:
        """Serve calls and the group's protocol until stopped."""
        last = time.monotonic()
        while True:
            try:
                call = self._calls.get(timeout=WAIT)
            except Empty:
                if not self._reading or time.monotonic() - last > IDLE:
                    self._idle()
                continue
            if call is None:
                break
            function, future = call
            last = time.monotonic()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:  # the caller gets it
                future.set_exception(error)
        self._consumer.close()

    def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group."""
        self._consumer.subscribe(
            [full_name(topic, self._prefix) for topic in topics],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._revoked,
        )

    def committed(self) -> dict[Place, int]:
        """Ask for the committed offsets of all places, waiting for open transactions' ends."""
        return self._offsets(self._consumer.assignment())

    def _offsets(self, partitions: list[TopicPartition]) -> dict[Place, int]:
        if not partitions:
            return {}
        asked = self._consumer.committed(partitions, timeout=30)
        return {
            self._place(each): each.offset if each.offset >= 0 else OFFSET_BEGINNING
            for each in asked
        }

    def read_from(self, generation: int, offsets: Mapping[Place, int]) -> bool:
        """Begin to read at these offsets; False if the assignment is no longer the same."""
        if generation != self.generation:
            return False
        for place, offset in offsets.items():
            if offset != self._reached.get(place):
                topic, partition = place
                where = TopicPartition(full_name(topic, self._prefix), partition, offset)
                self._consumer.seek(where)
        self._reached = dict(offsets)
        self._consumer.resume(self._consumer.assignment())
        self._paused, self._reading = False, True
        return True

    def halt(self) -> int:
        """Stop reading, forget what was fetched, and begin a new generation."""
        self._consumer.pause(self._consumer.assignment())
        self._paused, self._reading = True, False
        self._backlog.clear()
        self._reached.clear()
        self.generation += 1
        return self.generation

    def fetch(self, seconds: float) -> Batch | None:
        """Gather a batch; None if nothing came in time, or if the assignment changed."""
        if not self._reading:
            time.sleep(WAIT / 10)
            return None
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False
        self._note_ends()
        generation = self.generation
        batch = Batch(generation)
        waiting, self._backlog = self._backlog[:MOST_RECORDS], self._backlog[MOST_RECORDS:]
        for message in waiting:
            self._take(batch, message)
        if not waiting:
            deadline = time.monotonic() + seconds
            while not self._consume(batch, 1, WAIT if seconds else 0):
                if time.monotonic() >= deadline or not self._calls.empty():
                    return batch if batch.positions and batch.parts else None
        if self.generation == generation and not self._backlog:
            self._consume(batch, MOST_RECORDS - len(batch), self._gather_seconds)
        if self.generation == generation and batch.parts:
            self._read_gate(batch)
        return batch if self.generation == generation and batch.parts else None

    def _read_gate(self, batch: Batch) -> None:
        """Read consents and shares to the last stable offset, asked for now: after the rest.

        Kafka does not order topics among each other. Who waited for a consent's acknowledgement
        and then sent events must not lose them.
        """
        asked = {
            TopicPartition(full_name(topic, self._prefix), partition): _LATEST
            for partition, records in batch.parts.items()
            if any(record.topic not in GATE for record in records)
            for topic in GATE
        }
        if not asked:
            return
        ends: dict[Place, int] = {}
        while not ends:
            futures = self._admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10
            )
            try:
                ends = {self._place(tp): future.result().offset for tp, future in futures.items()}
            except KafkaException as error:
                log.warning("broker_asked_again", why=str(error.args[0].str()))
                self._consumer.poll(0) if self._paused else time.sleep(WAIT)
                if self.generation != batch.generation:
                    return
        behind = [place for place, end in ends.items() if self._reached.get(place, 0) < end]
        others: list[TopicPartition] = []
        while behind and self.generation == batch.generation:
            for message in self._consumer.consume(MOST_RECORDS, WAIT):
                if message.error() is None and self._bare(message.topic() or "") not in GATE:
                    self._backlog.append(message)
                else:
                    self._take(batch, message)
            behind = [place for place in behind if self._reached.get(place, 0) < ends[place]]
            if len(self._backlog) > MOST_RECORDS and not others:  # a long way: hold the others back
                assigned = self._consumer.assignment()
                others = [each for each in assigned if self._bare(each.topic) not in GATE]
                self._consumer.pause(others)
        if others and self.generation == batch.generation:
            self._consumer.resume(others)

    def _consume(self, batch: Batch, most: int, seconds: float) -> int:
        if most <= 0:
            return 0
        generation = self.generation
        messages = self._consumer.consume(most, seconds)
        if self.generation != generation:
            return len(messages)  # of partitions that may be another's now
        for message in messages:
            self._take(batch, message)
        return len(batch.parts)

    def _take(self, batch: Batch, message: Message) -> None:
        error = message.error()
        topic = self._bare(message.topic() or "")
        partition, offset = message.partition(), message.offset()
        if partition is None or offset is None:
            return
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._reached[topic, partition] = offset
                if partition in batch.parts:
                    batch.positions[topic, partition] = offset
                return
            if error.fatal():
                raise KafkaException(error)
            log.warning("fetch_failed", topic=topic, why=error.str())
            return
        record = Record(
            topic,
            partition,
            offset,
            message.timestamp()[1],
            message.key(),
            message.value(),
            tuple(message.headers() or ()),  # type: ignore[arg-type]
        )
        batch.parts.setdefault(partition, []).append(record)
        batch.positions[topic, partition] = self._reached[topic, partition] = offset + 1

    def _note_ends(self) -> None:
        """Tell the metrics how far the input reaches, as librdkafka has last heard."""
        if time.monotonic() - self._noted < IDLE:
            return
        self._noted = time.monotonic()
        for topic, partition in self._reached:
            place = TopicPartition(full_name(topic, self._prefix), partition)
            _, end = self._consumer.get_watermark_offsets(place, cached=True)
            if end >= 0:
                metrics.lag.end(topic, partition, end)

    def _idle(self) -> None:
        """Serve the group's protocol while nothing is fetched."""
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        message = self._consumer.poll(0)
        if message is not None and message.error() is None:  # fetched before the pause
            self._backlog.append(message)

    # ---- the group's protocol

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.metadata = consumer.consumer_group_metadata()
        offsets = self._offsets(partitions)
        for each in partitions:
            each.offset = offsets[self._place(each)]
        consumer.assign(partitions)
        consumer.pause(partitions)
        self._paused, self._reading = True, False
        self._backlog.clear()
        self._reached = offsets
        self.generation += 1
        self._on_assigned({each.partition for each in partitions}, self.generation)

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._reading = False
        self._backlog.clear()
        self._reached.clear()
        self.generation += 1
        self._on_revoked()

    def _place(self, where: TopicPartition) -> Place:
        return self._bare(where.topic), where.partition

    def _bare(self, topic: str) -> str:
        return bare_name(topic, self._prefix)


_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_ADMIN = ("bootstrap.servers", "security.protocol", "client.id")
