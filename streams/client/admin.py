"""Compares the cluster's topics with the contract, and mends the cluster."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports them unsaid
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from streams.client.connection import ANSWER_WITHIN, Connection, sentence
from streams.errors import BadUsage, PlainscoreError, Unreachable
from streams.topics import TOPICS, Topic, audience_topic, full_name


@dataclass(frozen=True)
class Difference:
    """What the cluster has and what it should have.

    `setting` is "topic" for a topic that is missing, "partitions", or one of Kafka's settings.
    """

    topic: str  # as Kafka knows it: with the prefix
    setting: str
    found: str
    expected: str


def plan(
    brokers: str,
    *,
    prefix: str = "",
    kafka: Mapping[str, str] | None = None,
    partitions: int = 4,
    audiences: Sequence[str] = (),
) -> list[Difference]:
    """Say what `apply` would change, and which partition counts it would refuse; changes nothing.

    Raises Unreachable within about 10 s if no broker answers.
    """
    connection = Connection(brokers, kafka)
    wanted = _wanted(prefix, audiences)
    return _differences(connection, connection.open(AdminClient, {}), wanted, partitions)


def apply(
    brokers: str,
    *,
    prefix: str = "",
    kafka: Mapping[str, str] | None = None,
    partitions: int = 4,
    replication: int = 1,
    audiences: Sequence[str] = (),
) -> list[Difference]:
    """Create the topics that are missing, alter settings that differ, and say what was done.

    Returns when every client sees it so. Raises BadUsage, with nothing changed, if a topic has
    another number of partitions.
    """
    connection = Connection(brokers, kafka)
    wanted = _wanted(prefix, audiences)
    admin = connection.open(AdminClient, {})
    differences = _differences(connection, admin, wanted, partitions)
    for each in differences:
        if each.setting == "partitions":
            raise BadUsage(
                f"The topic {each.topic} has {each.found} partitions, and {each.expected} were"
                " asked for",
                where=f"brokers {brokers}",
                next_step="The number is fixed for life: set PLAINSCORE_PARTITIONS to it, or begin"
                " anew under another prefix.",
            )
    missing = [each.topic for each in differences if each.setting == "topic"]
    _create(connection, admin, {name: wanted[name] for name in missing}, partitions, replication)
    _alter(connection, admin, [each for each in differences if each.setting != "topic"])
    until = monotonic() + ANSWER_WITHIN
    while left := _differences(connection, admin, wanted, partitions):
        if monotonic() > until:
            raise Unreachable(
                f"Kafka took the changes and does not show them: {left[0].setting} of"
                f" {left[0].topic} is {left[0].found}",
                where=f"brokers {brokers}",
                next_step="See whether the brokers are well, and apply again.",
            )
        sleep(0.05)
    return differences


def _wanted(prefix: str, audiences: Sequence[str]) -> dict[str, Topic]:
    topics = [*TOPICS.values(), *(audience_topic(name) for name in audiences)]
    return {full_name(topic.name, prefix): topic for topic in topics}


def _differences(
    connection: Connection, admin: AdminClient, wanted: Mapping[str, Topic], partitions: int
) -> list[Difference]:
    there = connection.topics(admin)
    settings = _settings(connection, admin, [name for name in wanted if name in there])
    differences = []
    for name, topic in wanted.items():
        count = _count(topic, partitions)
        if name not in there:
            differences.append(Difference(name, "topic", "missing", f"{count} partitions"))
            continue
        if there[name] != count:
            differences.append(Difference(name, "partitions", str(there[name]), str(count)))
        differences += [
            Difference(name, setting, settings[name].get(setting, "unknown"), expected)
            for setting, expected in topic.config.items()
            if settings[name].get(setting) != expected
        ]
    return differences


def _count(topic: Topic, partitions: int) -> int:
    return partitions if topic.partitioned else 1


def _settings(
    connection: Connection, admin: AdminClient, names: Sequence[str]
) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    until = monotonic() + ANSWER_WITHIN
    while True:
        # A broker that has just started may not have heard yet of topics that the others know.
        waited_for = [KafkaError.UNKNOWN_TOPIC_OR_PART] if monotonic() < until else []
        asked = admin.describe_configs(resources, request_timeout=ANSWER_WITHIN)
        found = {
            resource.name: {entry.name: entry.value for entry in entries.values()}
            for resource, entries in _answers(connection, asked, *waited_for)
        }
        if len(found) == len(names):
            return found
        sleep(0.05)


def _create(
    connection: Connection,
    admin: AdminClient,
    topics: Mapping[str, Topic],
    partitions: int,
    replication: int,
) -> None:
    if not topics:
        return
    asked = admin.create_topics(
        [
            NewTopic(name, _count(topic, partitions), replication, config=topic.config)
            for name, topic in topics.items()
        ],
        request_timeout=ANSWER_WITHIN,
    )
    for _ in _answers(connection, asked, KafkaError.TOPIC_ALREADY_EXISTS):
        pass


def _alter(connection: Connection, admin: AdminClient, differences: Sequence[Difference]) -> None:
    by_topic: dict[str, list[ConfigEntry]] = {}
    for each in differences:
        entry = ConfigEntry(
            each.setting, each.expected, incremental_operation=AlterConfigOpType.SET
        )
        by_topic.setdefault(each.topic, []).append(entry)
    if not by_topic:
        return
    asked = admin.incremental_alter_configs(
        [
            ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
            for name, entries in by_topic.items()
        ],
        request_timeout=ANSWER_WITHIN,
    )
    for _ in _answers(connection, asked):
        pass


def _answers(
    connection: Connection, asked: Mapping[Any, "Future[Any]"], *passed_over: int
) -> Iterator[tuple[Any, Any]]:
    for about, answer in asked.items():
        try:
            yield about, answer.result(timeout=2 * ANSWER_WITHIN)
        except KafkaException as failed:
            error = failed.args[0]
            if error.code() not in passed_over:
                raise _refused(connection, about, error) from failed
        except TimeoutError as failed:
            raise connection.unreachable() from failed


def _refused(connection: Connection, about: Any, error: KafkaError) -> PlainscoreError:
    if error.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT):
        return connection.unreachable(error)
    name = about.name if isinstance(about, ConfigResource) else about
    return BadUsage(
        f"Kafka refused to set up the topic {name}: {sentence(error)}",
        where=f"brokers {connection.brokers}",
        next_step="Mend what it refuses, and apply again.",
    )
