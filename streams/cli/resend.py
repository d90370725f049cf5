"""Sends records again as they were: their bytes, their headers, their own Kafka timestamp."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, Message, Producer

from streams.client.connection import Connection, sentence
from streams.errors import Unreachable
from streams.marks import MOVED
from streams.record import Record
from streams.settings import Settings
from streams.topics import full_name, place_of

WITHIN = 65.0  # seconds for all of them


def resend(chosen: Settings, records: Sequence[Record]) -> None:
    """Send records to their topics again, each to its key's partition; all are acknowledged.

    The header that marks a record as moved stays behind: its placement is right this time.
    """
    connection = Connection(chosen.brokers, chosen.kafka)
    lost: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            lost.append(error)

    producer = connection.open(
        Producer, {"enable.idempotence": True, "acks": "all", "on_delivery": delivered}
    )
    partitions = connection.topics(producer)
    for record in records:
        name = full_name(record.topic, chosen.prefix)
        if name not in partitions:
            raise connection.missing(name)
        _send(producer, name, record, _place(record, partitions[name]))
    waiting = producer.flush(WITHIN)
    if waiting or lost:
        why = f": {sentence(lost[0])}" if lost else ""
        raise Unreachable(
            f"{waiting + len(lost):,} of {len(records):,} records were not taken{why}",
            where=f"brokers {chosen.brokers}",
            next_step="Replay them again: what arrived the first time changes nothing.",
        )


def _send(producer: Producer, name: str, record: Record, place: int) -> None:
    headers: list[tuple[str, str | bytes | None]] = [h for h in record.headers if h[0] != MOVED]
    while True:
        try:
            producer.produce(
                name,
                record.value,
                record.key,
                place,
                timestamp=record.timestamp,
                headers=headers or None,
            )
        except BufferError:  # its queue is full: wait for Kafka, which takes them or lets them go
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def _place(record: Record, partitions: int) -> int:
    """The partition of the key's citizen; a record without a key goes where it was."""
    if record.key is None:
        return record.partition % partitions
    return place_of(record.key, partitions)
