"""What must hold of the topics before a worker joins the group."""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.errors import BadUsage, Unreachable
from streams.topics import TOPICS, audience_topic, full_name


def check_topics(config: Mapping[str, Any], prefix: str, audiences: tuple[str, ...]) -> int:
    """Give the partition count that all partitioned topics share; refuse if they do not.

    Partition p of every topic must belong to one worker, or a citizen's records would not meet.
    """
    try:
        known = AdminClient({**config, "log_level": 0}).list_topics(timeout=10).topics
    except KafkaException as error:
        raise Unreachable(
            f"no broker answers: {error.args[0].str()}",
            where=str(config["bootstrap.servers"]),
            next_step="Start one (plainscore broker), or set PLAINSCORE_BROKERS.",
        ) from error
    topics = [*TOPICS.values(), *map(audience_topic, audiences)]
    wanted = {full_name(each.name, prefix): each.partitioned for each in topics}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise BadUsage(
            f"topics are missing: {', '.join(missing)}",
            where=str(config["bootstrap.servers"]),
            next_step="Create them with: plainscore topics apply",
        )
    counts = {
        name: len(known[name].partitions) for name, partitioned in wanted.items() if partitioned
    }
    if len(set(counts.values())) != 1:
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        raise BadUsage(
            f"topics have different numbers of partitions: {told}",
            where=str(config["bootstrap.servers"]),
            next_step="All must have one number, fixed for life: make new topics under a prefix.",
        )
    return next(iter(counts.values()))
