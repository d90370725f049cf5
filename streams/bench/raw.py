"""The raw loop: librdkafka consumes and produces the same bytes, exactly once, and scores nothing.

Run as `python -m streams.bench.raw BROKERS PREFIX KIND...`; it ends at SIGTERM.
"""

import signal
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from streams.bench.stage import group_of
from streams.topics import full_name

COMMIT_SECONDS = 0.1
MOST = 10_000  # messages taken at once
CONSUMER = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 50,
    "fetch.queue.backoff.ms": 10,  # the default of 1,000 starves a loop that keeps up
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 131_072,
}
PRODUCER = {
    "compression.type": "lz4",
    "linger.ms": 5,
    "batch.num.messages": 10_000,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 524_288,
}


def main(brokers: str, prefix: str, *kinds: str) -> None:
    """Pass on every event of these kinds, until told to stop."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    reach = {"bootstrap.servers": brokers}
    group = group_of(prefix)
    consumer = Consumer({**reach, "group.id": group, **CONSUMER})
    producer = Producer({**reach, "transactional.id": group, **PRODUCER})
    producer.init_transactions(60)
    consumer.subscribe([full_name(kind, prefix) for kind in kinds], on_assign=_say_ready)
    while not stopped:
        _pass_on(consumer, producer, full_name("score-changes", prefix))
    consumer.close()


def _pass_on(consumer: Consumer, producer: Producer, topic: str) -> None:
    """Run one transaction."""
    messages = consumer.consume(MOST, 0.01)
    if not messages:
        return
    until = time.monotonic() + COMMIT_SECONDS
    producer.begin_transaction()
    produce = producer.produce
    while True:
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            produce(topic, message.value(), message.key(), message.partition())  # type: ignore[arg-type]
        producer.poll(0)
        if (left := until - time.monotonic()) <= 0:
            break
        messages = consumer.consume(MOST, min(left, 0.01))
    positions = consumer.position(consumer.assignment())
    producer.send_offsets_to_transaction(
        [each for each in positions if each.offset >= 0], consumer.consumer_group_metadata(), 30
    )
    producer.commit_transaction(30)


def _say_ready(_consumer: Consumer, _partitions: list[TopicPartition]) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
