"""Where partitions of topics begin and end, and which topics they are, asked of the brokers."""

from collections.abc import Collection, Mapping

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
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


def topic_ids(admin: AdminClient, names: Collection[str]) -> dict[str, str]:
    """Ask once for the ids of topics, by name: one that is made anew has another.

    Raises KafkaException without an answer for each.
    """
    described = admin.describe_topics(TopicCollection(list(names)), request_timeout=ASK)
    return {name: str(answer.result().topic_id) for name, answer in described.items()}
