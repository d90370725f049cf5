"""An outside consumer: it sees the topics as any consumer does, and nothing of the worker's."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.record import Record
from streams.topics import KINDS

INPUTS = ("scorecards", "consents", *KINDS, "disputes", "ticks")
OUTPUTS = ("score-changes", "scores", "receipts", "dead-letters")
_AT_ONCE = 2_000  # records


class Outsider:
    """Reads every partition of inputs and outputs from its start, committed records only.

    It reads in a thread of its own from `with` to its end.
    """

    def __init__(self, brokers: str) -> None:
        self.records: dict[str, list[Record]] = {topic: [] for topic in (*INPUTS, *OUTPUTS)}
        """By topic; in each partition in the order of the log. Only ever grows."""
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "an-outsider",  # demanded by librdkafka; never joined
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="outsider", daemon=True)

    def __enter__(self) -> Self:
        known = self._consumer.list_topics(timeout=10).topics
        self._consumer.assign(
            [
                TopicPartition(topic, partition, 0)
                for topic in self.records
                for partition in known[topic].partitions
            ]
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._consumer.close()

    def count(self, *topics: str) -> int:
        """How many records of these topics it has seen."""
        return sum(len(self.records[topic]) for topic in topics)

    def _read(self) -> None:
        while not self._ended.is_set():
            with suppress(KafkaException):  # librdkafka mends what it can by itself
                for message in self._consumer.consume(_AT_ONCE, 0.1):
                    if message.error() is None:
                        self.records[message.topic() or ""].append(_record(message))


def _record(message: Message) -> Record:
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key(),
        message.value(),
    )
