"""A stage: the topics and the folder of one run, and what the broker knows of them."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.bench.load import PARTITIONS
from streams.bench.process import Process
from streams.bench.send import Ends
from streams.client import admin
from streams.client.connection import Connection
from streams.offsets import LATEST, list_offsets
from streams.topics import bare_name, full_name


def group_of(prefix: str) -> str:
    """Name the group of whoever does the work on a stage."""
    return prefix + "worker"


class Stage:
    """Empty topics and an empty folder, from `with` to the end of a run."""

    def __init__(self, brokers: str, way: str, folder: Path) -> None:
        self.brokers = brokers
        self.prefix = f"bench-{way}-{uuid4().hex[:8]}."
        self.folder = folder / self.prefix
        self._admin = Connection(brokers).open(AdminClient, {})
        self._processes = 0

    def __enter__(self) -> Self:
        self.folder.mkdir()
        admin.apply(self.brokers, prefix=self.prefix, partitions=PARTITIONS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        found = self._admin.list_topics(timeout=10).topics
        topics = [name for name in found if name.startswith(self.prefix)]
        for deleted in self._admin.delete_topics(topics).values():
            deleted.result(10)

    def process(
        self, arguments: Sequence[str], environment: Mapping[str, str] = os.environ
    ) -> Process:
        """Make a process whose output is kept in the folder."""
        self._processes += 1
        return Process(arguments, environment, self.folder / f"output-{self._processes}")

    def reached(self, ends: Ends) -> bool:
        """Whether the group has committed all offsets before these ends."""
        asked = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group_of(self.prefix), self._places(ends))]
        )
        (answer,) = asked.values()
        found = {
            (each.topic, each.partition): each.offset for each in answer.result(10).topic_partitions
        }
        return all(
            found.get((full_name(topic, self.prefix), partition), -1) >= end
            for (topic, partition), end in ends.items()
        )

    def ends(self, places: set[tuple[str, int]]) -> Ends:
        """Ask where places of topics end now."""
        found = list_offsets(self._admin, dict.fromkeys(self._places(places), LATEST))
        return {(bare_name(each.topic, self.prefix), each.partition): found[each] for each in found}

    def _places(self, places: Ends | set[tuple[str, int]]) -> list[TopicPartition]:
        return [TopicPartition(full_name(topic, self.prefix), part) for topic, part in places]
