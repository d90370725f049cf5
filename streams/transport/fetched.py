"""What was fetched and is in no batch yet, and how far that reaches."""

from collections import Counter
from collections.abc import Collection, Mapping
from heapq import merge
from typing import Any

from confluent_kafka import KafkaError

from streams.given import size
from streams.record import Record, record_of
from streams.topics import GATE, LARGEST_RECORD, bare_name
from streams.transport.batch import MOST_BYTES, Batch

Place = tuple[str, int]  # a topic's bare name, and a partition


class Fetched:
    """Records in the order in which they came, and places in their topics."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.gate: dict[str, list[Record]] = {topic: [] for topic in GATE}  # by topic
        self.others: list[Record] = []  # of all other topics
        self.reached: dict[Place, int] = {}  # up to where each place was fetched
        self.after_last: dict[Place, int] = {}  # one past the last record; markers may follow it
        self.bytes: Counter[str] = Counter()  # of the records, by topic
        self.largest = LARGEST_RECORD  # bytes of one record, as they come lately

    def __len__(self) -> int:
        """Count the records."""
        return len(self.others) + sum(map(len, self.gate.values()))

    @property
    def full(self) -> bool:
        """Whether more would be too much to have in hand at once."""
        return self.bytes.total() >= MOST_BYTES

    def begin(self, offsets: Mapping[Place, int]) -> None:
        """Forget all, and go on from these offsets."""
        self.others.clear()
        self.bytes.clear()
        for records in self.gate.values():
            records.clear()
        self.reached = dict(offsets)
        self.after_last = dict(offsets)

    def keep(self, messages: list[Any]) -> list[Any]:
        """Keep the records among messages, and note which partitions' ends were met.

        Gives back the messages that are errors.
        """
        errors: list[Any] = []
        largest = 0
        for message in messages:
            error = message.error()
            if error is not None and error.code() != _END:
                errors.append(message)
                continue
            topic: str = bare_name(message.topic(), self._prefix)
            partition: int = message.partition()
            place = (topic, partition)
            offset: int = message.offset()
            if error is None:
                record = record_of(message, topic, partition, offset)
                (self.gate[topic] if topic in GATE else self.others).append(record)
                self.reached[place] = self.after_last[place] = offset + 1
                bytes_ = _size(record)
                self.bytes[topic] += bytes_
                largest = max(largest, bytes_)
            elif place in self.reached:
                self.reached[place] = offset  # past the marks of transactions' ends, too
        self.largest = largest or self.largest
        return errors

    def cut(self, generation: int, topics: Collection[str], ready: int) -> Batch:
        """Make a batch of what was fetched of these topics: of the others, the first `ready`.

        Consents and shares come first, by Kafka's time where the log itself does not order them:
        a share that was sent before a withdrawal must not outlive it.
        """
        batch = Batch(generation)
        logs: dict[int, list[list[Record]]] = {}
        for topic in GATE:
            if topic not in topics:
                continue
            by_partition: dict[int, list[Record]] = {}
            for record in self.gate[topic]:
                by_partition.setdefault(record.partition, []).append(record)
            for partition, records in by_partition.items():
                logs.setdefault(partition, []).append(records)
            self.gate[topic].clear()
            self.bytes[topic] = 0
        for of_partition in logs.values():
            for record in merge(*of_partition, key=_sent):
                batch.add(record)
        if len(topics) > len(GATE):
            for record in self.others[:ready]:
                batch.add(record)
                self.bytes[record.topic] -= _size(record)
            del self.others[:ready]
        return batch


_END = KafkaError._PARTITION_EOF


def _sent(record: Record) -> int:
    return record.timestamp


def _size(record: Record) -> int:
    bytes_ = size(record)
    for name, value in record.headers:
        bytes_ += len(name) + len(value or b"")
    return bytes_
