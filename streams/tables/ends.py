"""Where a partition's changelogs begin and end, as the brokers say now.

Not compiled: that would let a client go before the futures that end with it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.errors import PlainscoreError, Unreachable
from streams.outage import AGAIN, ASK, passes
from streams.topics import full_name

OnWait = Callable[[], None]  # called while no broker answers

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ends:
    """Where the changelogs of a partition begin and end, by table; an end is one past the last."""

    asked_ms: int  # when that was so
    ids: dict[str, str]  # of the topics: one that is made anew has another
    low: dict[str, int]
    high: dict[str, int]


def changelog_ends(
    partition: int,
    consumer_config: Mapping[str, Any],
    prefix: str,
    topics: Mapping[str, str],
    on_wait: OnWait = lambda: None,
) -> Ends:
    """Ask where the changelogs begin and end; what open transactions have written counts too.

    Brokers that are away are asked again, and what on_wait raises ends that.
    """
    while True:
        try:
            return _ends(partition, consumer_config, prefix, topics)
        except KafkaException as error:
            if not passes(error.args[0]):
                where = f"{', '.join(topics.values())}, partition {partition}"
                raise unreachable(error.args[0], where) from error
            _log.warning("broker_asked_again", why=error.args[0].str())
        on_wait()
        time.sleep(AGAIN)


def _ends(
    partition: int, consumer_config: Mapping[str, Any], prefix: str, topics: Mapping[str, str]
) -> Ends:
    # A client of its own each time: one from before a broker's restart may ask the leader of then.
    consumer = Consumer(reading(consumer_config, "read_uncommitted"))
    admin = AdminClient({**consumer_config, "log_level": 0})
    ends = Ends(time.time_ns() // 1_000_000, {}, {}, {})
    try:
        names = TopicCollection([full_name(topic, prefix) for topic in topics.values()])
        described = admin.describe_topics(names, request_timeout=ASK)
        for table, topic in topics.items():
            place = TopicPartition(full_name(topic, prefix), partition)
            ends.ids[table] = str(described[place.topic].result().topic_id)
            ends.low[table], ends.high[table] = consumer.get_watermark_offsets(place, timeout=ASK)
    finally:
        consumer.close()
    return ends


def reading(consumer_config: Mapping[str, Any], isolation: str) -> dict[str, Any]:
    """Give librdkafka's settings of a client that reads changelogs."""
    return {
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 50,
        **consumer_config,
        "group.id": "plainscore-restore",  # librdkafka wants one; nobody joins it
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": isolation,
    }


def unreachable(error: KafkaError, where: str) -> PlainscoreError:
    """Make a sentence of why a changelog cannot be read."""
    return Unreachable(
        f"the changelog cannot be read: {error.str()}",
        where=where,
        next_step="See that the brokers are up and that the topic exists (plainscore topics plan).",
    )
