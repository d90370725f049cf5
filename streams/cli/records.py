"""Whole records as they stand in the topics, for the commands that show or send them again."""

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer

from streams.client.connection import Connection
from streams.record import Record, record_of
from streams.settings import Settings
from streams.topics import full_name, place_of

_SETTINGS = {
    "group.id": "plainscore-reader",  # demanded by librdkafka; never joined
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 50,
}


class Records:
    """Reads committed records, up to the end that a partition has when it is asked."""

    def __init__(self, chosen: Settings) -> None:
        self._prefix = chosen.prefix
        self._connection = Connection(chosen.brokers, chosen.kafka)
        self._consumer = self._connection.open(Consumer, _SETTINGS)
        self.topics = self._connection.topics(self._consumer)  # full name -> partitions

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._consumer.close()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises for one that the broker does not have."""
        name = full_name(topic, self._prefix)
        if name not in self.topics:
            raise self._connection.missing(name)
        return self.topics[name]

    def ends(self, topic: str) -> dict[int, int]:
        """For each partition the offset after the last committed record."""
        name = full_name(topic, self._prefix)
        return {
            partition: self._connection.ends(self._consumer, name, partition)[1]
            for partition in range(self.partitions(topic))
        }

    def read(self, topic: str, partition: int, start: int = 0) -> Iterator[Record]:
        """One partition's records from `start` to its end now."""
        name = full_name(topic, self._prefix)
        for message in self._connection.read(self._consumer, name, partition, start):
            yield record_of(message, topic, partition, message.offset() or 0)

    def read_all(self, topic: str) -> Iterator[Record]:
        """The records of every partition, one partition after the other."""
        for partition in range(self.partitions(topic)):
            yield from self.read(topic, partition)

    def latest(self, topic: str, key: bytes) -> Record | None:
        """The last record of a key in a compacted topic; None: there is none, or it ended."""
        found = None
        for record in self.read(topic, place_of(key, self.partitions(topic))):
            if record.key == key:
                found = record
        return found if found is not None and found.value is not None else None

    def wait_for(
        self, topic: str, key: bytes, ends: Mapping[int, int], within: float
    ) -> Record | None:
        """The first record with this key after `ends`, if it comes within so many seconds."""
        until = time.monotonic() + within
        places = dict(ends)
        while time.monotonic() < until:
            for partition, place in list(places.items()):
                for record in self.read(topic, partition, place):
                    places[partition] = record.offset + 1
                    if record.key == key:
                        return record
            time.sleep(0.1)
        return None
