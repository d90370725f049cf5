"""Where partitions of topics begin and end, asked of the brokers."""

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from streams.outage import ASK

EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


def list_offsets(
    admin: AdminClient, asked: Mapping[TopicPartition, OffsetSpec]
) -> dict[TopicPartition, int]:
    """Ask once where partitions begin or end; what open transactions have written counts too.

    Raises KafkaException without an answer for each.
    """
    if not asked:  # librdkafka takes no empty question
        return {}
    answers = admin.list_offsets(dict(asked), request_timeout=ASK)
    found = {place: int(answer.result().offset) for place, answer in answers.items()}
    if any(offset < 0 for offset in found.values()):
        # That is what comes of a leader that died; it is no error in librdkafka's eyes.
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "a leader gave no answer"))
    return found
