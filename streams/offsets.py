"""What brokers say of topics: where partitions begin and end, their ids, who may write to them."""

from collections.abc import Collection, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclOperation,
    AdminClient,
    OffsetSpec,
)

from streams.outage import ASK, KEPT_OUT

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


def kept_from(admin: AdminClient, names: Collection[str]) -> list[str]:
    """Ask once which topics the brokers' rules do not let us write to.

    Raises KafkaException without an answer for each.
    """
    if not names:  # librdkafka takes no empty question
        return []
    described = admin.describe_topics(
        TopicCollection(sorted(names)), include_authorized_operations=True, request_timeout=ASK
    )
    return [name for name, answer in described.items() if not _writable(answer)]


def _writable(answer: Any) -> bool:
    try:
        allowed = answer.result().authorized_operations
    except KafkaException as error:
        if error.args[0].code() in KEPT_OUT:  # we may not even look at it
            return False
        raise
    return allowed is None or AclOperation.WRITE in allowed  # None: brokers without rules
