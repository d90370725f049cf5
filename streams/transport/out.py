"""Where a partition's output goes within a transaction."""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from streams.topics import full_name
from streams.transport.ages import Ages, Told

# The producer has failed, and with it what it had not sent yet.
_WITH_OTHERS = frozenset(
    {
        KafkaError._FATAL,
        KafkaError._FENCED,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._PURGE_QUEUE,
    }
)


class Out:
    """Sends records of one partition; it waits while librdkafka's queue is full."""

    def __init__(self, producer: Producer, prefix: str, partition: int, ages: Ages) -> None:
        self._send: Any = producer.produce
        self._producer = producer
        self._prefix = prefix
        self._partition = partition
        self._ages = ages
        self.topics: set[str] = set()  # that were sent records
        self._heard: set[str] = set()  # topics of whose records the delivery of one is told
        self.refused: dict[str, str] = {}  # by topic, why

    def takes(self, topic: str, timestamp: int) -> bool:
        """Say whether Kafka takes a record of this Kafka time, as far as is known."""
        return self._ages.take(full_name(topic, self._prefix), timestamp)

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int | None = None,
    ) -> None:
        """Send a record."""
        name = full_name(topic, self._prefix)
        where = self._partition if partition is None else partition
        more: dict[str, Any] = {}
        if timestamp is not None:
            self.topics.add(name)
            more["timestamp"] = timestamp
            more["on_delivery"] = self._ages.noting(name, timestamp)
        elif name not in self._heard:
            self._heard.add(name)
            self.topics.add(name)
            more["on_delivery"] = self.hear
        if headers:
            more["headers"] = list(headers)
        if more:
            self._put(lambda: self._send(name, value, key, where, **more))
        else:
            self._put_plain(name, value, key, where)

    def produce_rows(self, topic: str, rows: dict[bytes, bytes | None], on_last: Told) -> None:
        """Send the rows of a changelog; `on_last` hears of the delivery of the last of them."""
        name, where = full_name(topic, self._prefix), self._partition
        self.topics.add(name)
        last = next(reversed(rows))
        for key, value in rows.items():
            if key is not last:
                self._put_plain(name, value, key, where)
        self._put(lambda: self._send(name, rows[last], last, where, on_delivery=on_last))

    def hear(self, error: KafkaError | None, message: Message) -> None:
        """Hear of the delivery of a record; what went with others is no reason."""
        if error is not None and error.code() not in _WITH_OTHERS:
            self.refused[message.topic() or ""] = error.str()

    def _put_plain(self, name: str, value: bytes | None, key: bytes | None, where: int) -> None:
        """Send what nearly every record is: nothing is made anew for it."""
        try:
            self._send(name, value, key, where)
        except BufferError:
            self._put(lambda: self._send(name, value, key, where))

    def _put(self, send: Callable[[], None]) -> None:
        while True:
            try:
                send()
                return
            except BufferError:
                self._producer.poll(0.1)
