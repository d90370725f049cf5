"""Sends records: all at once before a run, or each on its time."""

import time
from collections import Counter
from collections.abc import Sequence

from confluent_kafka import Producer

from streams.bench.load import Sent
from streams.client.connection import Connection
from streams.errors import PlainscoreError
from streams.topics import full_name

Ends = dict[tuple[str, int], int]  # by topic and partition, the offset behind the last record
TICK = 0.001  # seconds; to sleep for less costs more than it gives


class Sender:
    """Puts records into empty topics, in one transaction.

    Who reads committed records sees none of them until `release`, and then all at once.
    """

    def __init__(self, brokers: str, prefix: str) -> None:
        self._prefix = prefix
        self._producer = Connection(brokers).open(
            Producer,
            {
                "transactional.id": f"{prefix}load",
                "transaction.timeout.ms": 600_000,
                "compression.type": "none",  # what plain Faust's driver reads as it is installed
                "linger.ms": 5,
                "queue.buffering.max.messages": 500_000,
            },
        )
        self._producer.init_transactions(60)
        self._producer.begin_transaction()

    def send(self, records: Sequence[Sent], rounds: int = 1) -> Ends:
        """Send records, all of them `rounds` times; gives the ends of their places."""
        names = {each.topic: full_name(each.topic, self._prefix) for each in records}
        produce = self._producer.produce
        for _ in range(rounds):
            for topic, key, value, partition in records:
                while True:
                    try:
                        produce(names[topic], value, key, partition)
                        break
                    except BufferError:
                        self._producer.poll(0.05)
        self._producer.flush(60)
        counts = Counter((each.topic, each.partition) for each in records)
        return {place: count * rounds for place, count in counts.items()}

    def release(self) -> None:
        """Commit; an error if a record was lost."""
        self._producer.commit_transaction(60)


def publish(brokers: str, prefix: str, records: Sequence[Sent]) -> Ends:
    """Send records and commit them; gives the same as `Sender.send`."""
    sender = Sender(brokers, prefix)
    ends = sender.send(records)
    sender.release()
    return ends


def due(begin: float, number: int, rate: float) -> float:
    """Give the time at which the event of this number is due; it waits for no answer."""
    return begin + number / rate


def send_on_time(
    brokers: str, prefix: str, records: Sequence[Sent], begin: float, rate: float
) -> None:
    """Send each record when it is due, or as soon after that as can be; time.monotonic() is meant.

    Nothing waits for what became of the records before: that would hide how long they queued.
    """
    producer = Connection(brokers).open(
        Producer,
        {
            "enable.idempotence": True,
            "compression.type": "none",
            "linger.ms": 1,
            "queue.buffering.max.messages": 500_000,
        },
    )
    names = {each.topic: full_name(each.topic, prefix) for each in records}
    producer.list_topics(timeout=10)  # connected before the first is due
    for number, (topic, key, value, partition) in enumerate(records):
        wait = due(begin, number, rate) - time.monotonic()
        if wait > 0:
            producer.poll(0)
            time.sleep(max(wait, TICK))
        producer.produce(names[topic], value, key, partition)
    if left := producer.flush(60):
        raise PlainscoreError(f"{left} timed events were not taken by the broker")
