"""Runs the three ways in turn, each in a process of its own, and measures them alike.

The events stand ready in the topic, in a transaction that is still open. When the process has
started, joined its group and taken in the consents, the transaction is committed: from there the
time and the processor are counted, to the commit of the last event.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from streams.bench.load import PARTITIONS, SCORECARD, Load, Sender, publish
from streams.bench.plain_faust import STORE
from streams.bench.process import Process
from streams.client import Publisher, admin
from streams.client.connection import Connection
from streams.codec import decode
from streams.errors import BadUsage, PlainscoreError
from streams.scorecards import example
from streams.settings import PREFIX
from streams.topics import full_name

WAYS = ("raw", "faust", "lane")
RAW_ROUNDS = 10  # the raw loop is over before it is measured, unless the events come so often
FAUST_PART = 10  # plain Faust takes one in so many citizens, with all that is theirs
START_SECONDS = 120.0
MEASURE_SECONDS = 1_800.0
COMMIT_MS = 100

Scores = dict[bytes | None, tuple[int, int]]  # by citizen, the last change: sequence and score


@dataclass(frozen=True)
class Run:
    """What one run of one way came to."""

    events: int
    citizens: int
    seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    state_bytes: int

    @property
    def events_per_s(self) -> float:
        """How fast it was."""
        return self.events / self.seconds

    @property
    def events_per_cpu_s(self) -> float:
        """How much it did with a second of one processor."""
        return self.events / self.cpu_seconds


def summary(runs: Mapping[str, Sequence[Run]]) -> dict[str, dict[str, Any]]:
    """Give medians by way, as the command shows them."""
    shown: dict[str, dict[str, Any]] = {}
    for way, each in runs.items():
        shown[way] = {
            "events_per_s": round(median(run.events_per_s for run in each)),
            "events_per_cpu_s": round(median(run.events_per_cpu_s for run in each)),
            "peak_rss_mib": round(median(run.peak_rss_mib for run in each), 1),
            "state_bytes_per_citizen": round(
                median(run.state_bytes / run.citizens for run in each)
            ),
            "events": each[0].events,
            "citizens": each[0].citizens,
            "events_per_s_by_run": [round(run.events_per_s) for run in each],
        }
    shown["faust"]["store"] = STORE
    return shown


class Bench:
    """The three ways on one broker; `folder` is for state and is emptied after each run."""

    def __init__(self, brokers: str, load: Load, folder: Path) -> None:
        if not sys.platform.startswith("linux"):
            raise BadUsage(
                "The benchmark reads what a process costs from /proc, and runs on Linux alone",
                next_step="Run it on Linux, or in a container.",
            )
        self._brokers = brokers
        self._load = load
        self._part = load.part(FAUST_PART)
        self._folder = folder
        self._admin = Connection(brokers).open(AdminClient, {})
        self._scores: Scores | None = None

    def run(self, way: str) -> Run:
        """Run one way once, on topics of its own and with no state."""
        prefix = f"bench-{way}-{uuid4().hex[:8]}."
        folder = self._folder / prefix
        folder.mkdir()
        admin.apply(self._brokers, prefix=prefix, partitions=PARTITIONS)
        try:
            return _RUN[way](self, prefix, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self._delete_topics(prefix)

    # ---- the three ways

    def _raw(self, prefix: str, folder: Path) -> Run:
        sender = Sender(self._brokers, prefix)
        ends = sender.send("purchases", self._load.purchases, RAW_ROUNDS)
        arguments = ["streams.bench.raw", self._brokers, prefix]
        with Process(arguments, os.environ, folder / "output") as process:
            process.wait(lambda: process.said("ready"), "its start", START_SECONDS)
            seconds, cpu_seconds = _timed(
                process,
                sender.release,
                lambda: self._reached(prefix + "raw", "purchases", prefix, ends),
            )
            peak = process.peak_rss_mib()
            process.stop()
        events = len(self._load.purchases) * RAW_ROUNDS
        return Run(events, len(self._load.citizens), seconds, cpu_seconds, peak, 0)

    def _faust(self, prefix: str, folder: Path) -> Run:
        """Run plain Faust; it reads what is not committed, so its events are sent when it starts.

        It commits offsets every few seconds, and says itself when all of its output is delivered.
        """
        part, state = self._part, folder / "state"
        events = len(part.purchases)
        publish(self._brokers, "consents", prefix, part.consents)
        sender = Sender(self._brokers, prefix)
        sizes = [str(len(part.consents)), str(events)]
        arguments = ["streams.bench.plain_faust", self._brokers, prefix, str(state), *sizes]
        with Process(arguments, os.environ, folder / "output") as process:
            process.wait(lambda: process.said("ready"), "its start", START_SECONDS)
            seconds, cpu_seconds = _timed(
                process,
                lambda: sender.send("purchases", part.purchases),
                lambda: process.said("done"),
            )
            sender.release()
            peak = process.peak_rss_mib()
            process.stop()
        self._compare_scores(prefix, "faust")
        return Run(events, len(part.citizens), seconds, cpu_seconds, peak, _size(state))

    def _lane(self, prefix: str, folder: Path) -> Run:
        load, state = self._load, folder / "state"
        with Publisher(self._brokers, prefix=prefix) as publisher:
            publisher.publish_scorecard(example(SCORECARD))
        consents = publish(self._brokers, "consents", prefix, load.consents)
        sender = Sender(self._brokers, prefix)
        ends = sender.send("purchases", load.purchases)
        group = prefix + "lane"
        settings = {
            "BROKERS": self._brokers,
            "PREFIX": prefix,
            "GROUP": group,
            "STATE_DIR": str(state),
            "COMMIT_MS": str(COMMIT_MS),
            "METRICS_PORT": "0",
        }
        environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        environment.update({PREFIX + name: value for name, value in settings.items()})
        with Process(["streams", "worker"], environment, folder / "output") as process:
            process.wait(
                lambda: self._reached(group, "consents", prefix, consents),
                "its start and the consents",
                START_SECONDS,
            )
            seconds, cpu_seconds = _timed(
                process,
                sender.release,
                lambda: self._reached(group, "purchases", prefix, ends),
            )
            peak = process.peak_rss_mib()
            process.stop()
        self._compare_scores(prefix, "lane")
        return Run(
            len(load.purchases), len(load.citizens), seconds, cpu_seconds, peak, _size(state)
        )

    # ---- what the broker knows

    def _reached(self, group: str, topic: str, prefix: str, ends: Mapping[int, int]) -> bool:
        """Whether a group has committed all offsets before these ends."""
        places = [TopicPartition(full_name(topic, prefix), partition) for partition in ends]
        asked = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, places)]
        )
        found = asked[group].result(10).topic_partitions
        return all(each.offset >= ends[each.partition] for each in found)

    def _compare_scores(self, prefix: str, way: str) -> None:
        """Hold the last changes of plain Faust's citizens against those of the runs before."""
        wanted = {name.encode() for name in self._part.citizens}
        scores = _last_changes(self._brokers, full_name("score-changes", prefix), wanted)
        if self._scores is None:
            self._scores = scores
        differ = {
            key for key in wanted if key not in scores or scores[key] != self._scores.get(key)
        }
        if differ:
            raise PlainscoreError(
                f"{way} gave {len(differ)} of {len(wanted)} citizens another score",
                where=min(differ).decode(),
                next_step="Its figures mean nothing until they are the same: report this.",
            )

    def _delete_topics(self, prefix: str) -> None:
        topics = [
            name for name in self._admin.list_topics(timeout=10).topics if name.startswith(prefix)
        ]
        for deleted in self._admin.delete_topics(topics).values():
            deleted.result(10)


_RUN = {"raw": Bench._raw, "faust": Bench._faust, "lane": Bench._lane}


def _timed(
    process: Process, release: Callable[[], object], done: Callable[[], bool]
) -> tuple[float, float]:
    """Give the seconds, and those of the processor, from the release of the events to their end."""
    cpu, began = process.cpu_seconds(), time.monotonic()
    release()
    process.wait(done, "the last event", MEASURE_SECONDS)
    return time.monotonic() - began, process.cpu_seconds() - cpu


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _last_changes(brokers: str, topic: str, wanted: Container[bytes | None]) -> Scores:
    """Read a topic of changes to its end."""
    consumer = Connection(brokers).open(
        Consumer,
        {
            "group.id": topic + "-reader",  # librdkafka wants one; nobody joins it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        },
    )
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    scores: Scores = {}
    left = PARTITIONS
    while left:
        for message in consumer.consume(10_000, 0.5):
            error, key = message.error(), message.key()
            if error is None and key in wanted:
                change = decode("score-changes", message.value())
                scores[key] = change["sequence"], change["score"]
            elif error is not None and error.code() == KafkaError._PARTITION_EOF:
                left -= 1
            elif error is not None:
                raise KafkaException(error)
    consumer.close()
    return scores
