"""Where a partition's output goes within a transaction."""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from streams.topics import full_name

Told = Callable[[KafkaError | None, Message], None]  # of a record's delivery


class Out:
    """Sends records of one partition; it waits while librdkafka's queue is full."""

    def __init__(self, producer: Producer, prefix: str, partition: int) -> None:
        self._send: Any = producer.produce
        self._producer = producer
        self._prefix = prefix
        self._partition = partition

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
            more["timestamp"] = timestamp
        if headers:
            more["headers"] = list(headers)
        if more:
            self._put(lambda: self._send(name, value, key, where, **more))
        else:
            self._put_plain(name, value, key, where)

    def produce_rows(self, topic: str, rows: dict[bytes, bytes | None], on_last: Told) -> None:
        """Send the rows of a changelog; `on_last` hears of the delivery of the last of them."""
        name, where = full_name(topic, self._prefix), self._partition
        last = next(reversed(rows))
        for key, value in rows.items():
            if key is not last:
                self._put_plain(name, value, key, where)
        self._put(lambda: self._send(name, rows[last], last, where, on_delivery=on_last))

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
