"""What must hold of the topics before a worker joins the group."""

import time
from collections.abc import Mapping
from typing import Any

import structlog
from confluent_kafka.admin import AdminClient

from streams.client.connection import Connection
from streams.errors import BadUsage, Unreachable
from streams.outage import ASK
from streams.topics import TOPICS, audience_topic, full_name

log = structlog.get_logger(__name__)

PATIENCE = 60.0  # seconds for the brokers to start, where they are started together with a worker


def check_topics(
    config: Mapping[str, Any],
    prefix: str,
    audiences: tuple[str, ...],
    patience: float = PATIENCE,
) -> int:
    """Give the partition count that all partitioned topics share; refuse if they do not.

    Partition p of every topic must belong to one worker, or a citizen's records would not meet.
    Brokers that do not answer yet are waited for, with patience in seconds.
    """
    known = _known_topics(config, patience)
    topics = [*TOPICS.values(), *map(audience_topic, audiences)]
    wanted = {full_name(each.name, prefix): each.partitioned for each in topics}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise BadUsage(
            f"topics are missing: {', '.join(missing)}",
            where=str(config["bootstrap.servers"]),
            next_step="Create them with: plainscore topics apply",
        )
    counts = {name: known[name] for name, partitioned in wanted.items() if partitioned}
    if len(set(counts.values())) != 1:
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        raise BadUsage(
            f"topics have different numbers of partitions: {told}",
            where=str(config["bootstrap.servers"]),
            next_step="All must have one number, fixed for life: make new topics under a prefix.",
        )
    return next(iter(counts.values()))


def _known_topics(config: Mapping[str, Any], patience: float) -> dict[str, int]:
    connection = Connection(config["bootstrap.servers"], config)
    admin = connection.open(AdminClient, {"log_level": 0})
    until = time.monotonic() + patience
    while True:
        try:
            return connection.topics(admin, ASK)
        except Unreachable as error:
            if time.monotonic() > until:
                raise
            log.info("broker_awaited", where=error.where, why=error.what)
