"""Where partitions' changelogs begin and end, as the brokers say now.

Not compiled: that would let a client go before the futures that end with it.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.errors import PlainscoreError, Unreachable
from streams.offsets import EARLIEST, LATEST, list_offsets, topic_ids
from streams.outage import AGAIN, passes
from streams.topics import CHANGELOGS, full_name

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
    partitions: Collection[int],
    consumer_config: Mapping[str, Any],
    prefix: str,
    on_wait: OnWait = lambda: None,
) -> dict[int, Ends]:
    """Ask where the changelogs of partitions begin and end; gives it by partition.

    What open transactions have written counts too. Brokers that are away are asked again, and what
    on_wait raises ends that.
    """
    while True:
        try:
            return _ends(partitions, consumer_config, prefix)
        except KafkaException as error:
            if not passes(error.args[0]):
                raise unreachable(error.args[0], ", ".join(CHANGELOGS.values())) from error
            _log.warning("broker_asked_again", why=error.args[0].str())
        on_wait()
        time.sleep(AGAIN)


def _ends(
    partitions: Collection[int], consumer_config: Mapping[str, Any], prefix: str
) -> dict[int, Ends]:
    # A client of its own each time: one from before a broker's restart may ask the leader of then.
    admin = AdminClient({**consumer_config, "log_level": 0})
    asked_ms = time.time_ns() // 1_000_000
    names = {full_name(topic, prefix): table for table, topic in CHANGELOGS.items()}
    ids = {names[name]: given for name, given in topic_ids(admin, names).items()}
    ends = {number: Ends(asked_ms, ids, {}, {}) for number in partitions}
    places = [TopicPartition(name, number) for name in names for number in partitions]
    for place, offset in list_offsets(admin, dict.fromkeys(places, EARLIEST)).items():
        ends[place.partition].low[names[place.topic]] = offset
    for place, offset in list_offsets(admin, dict.fromkeys(places, LATEST)).items():
        ends[place.partition].high[names[place.topic]] = offset
    return ends


def unreachable(error: KafkaError, where: str) -> PlainscoreError:
    """Make a sentence of why a changelog cannot be read."""
    return Unreachable(
        f"the changelog cannot be read: {error.str()}",
        where=where,
        next_step="See that the brokers are up and that the topic exists (plainscore topics plan).",
    )
