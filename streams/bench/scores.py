"""The scores that a run ended with: all ways must end with the same."""

from collections.abc import Container, Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from streams.bench.load import PARTITIONS
from streams.bench.stage import Stage
from streams.client.connection import Connection
from streams.codec import decode
from streams.errors import PlainscoreError
from streams.topics import full_name

# By citizen, of the last change: score, tier and points. How many changes led there is left out:
# kinds of event stand in topics of their own, and no order holds between topics.
Scores = dict[bytes, tuple[int, str, tuple[int, ...]]]


def last_scores(stage: Stage, wanted: Container[bytes | None]) -> Scores:
    """Read the changes to their end."""
    topic = full_name("score-changes", stage.prefix)
    consumer = Connection(stage.brokers).open(
        Consumer,
        {
            "group.id": topic + "-reader",  # librdkafka wants one; nobody joins it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        },
    )
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    changes: dict[bytes, bytes] = {}
    left = PARTITIONS
    while left:
        for message in consumer.consume(10_000, 0.5):
            error, key, value = message.error(), message.key(), message.value()
            if error is None and key in wanted and key is not None and value is not None:
                changes[key] = value
            elif error is not None and error.code() == KafkaError._PARTITION_EOF:
                left -= 1
            elif error is not None:
                raise KafkaException(error)
    consumer.close()
    return {key: _score(decode("score-changes", value)) for key, value in changes.items()}


def _score(change: Mapping[str, Any]) -> tuple[int, str, tuple[int, ...]]:
    points = tuple(each["points"] for each in change["contributions"])
    return change["score"], change["tier"], points


def compare(way: str, scores: Scores, before: Scores, citizens: set[bytes]) -> None:
    """Raise PlainscoreError unless these citizens ended as in a run before."""
    differ = {key for key in citizens if key not in scores or scores[key] != before.get(key)}
    if differ:
        raise PlainscoreError(
            f"{way} gave {len(differ)} of {len(citizens)} citizens another score",
            where=min(differ).decode(),
            next_step="Its figures mean nothing until they are the same: report this.",
        )
