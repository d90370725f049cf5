"""Every metric of plainscore, in one place.

Names begin with ``plainscore_`` and use base units (seconds, records). Label values come from
fixed sets: topic names, partition numbers, ids of published scorecards and tiers, reasons that the
code names. No citizen id and nothing that an audience may not see stands in any of them.

What a batch did (`count`, `changes`, `held.move`, `delays.observe`, `lag.reached`) is added after
its transaction has committed, so that an aborted attempt counts for nothing.
"""

import platform
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from streams.outcome import Outcome, add

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

OUTCOMES = ("scored", "stored", "dropped", "dead_letter", "forwarded", "passed")
PHASES = ("process", "produce", "offsets", "commit", "write")
ENDS = ("committed", "unclear")

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DELAYS = (*SECONDS[2:], 60.0, 300.0, 3600.0, 86400.0)


class Delays(Collector):
    """The time from a record's Kafka timestamp to the end of its transaction, as a histogram.

    A batch is observed at once: one call for each event would cost more than its decoding.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._topics: dict[str, tuple[list[int], list[float]]] = {}

    def observe(self, topic: str, timestamps: Iterable[int], committed_at: int) -> None:
        """Add a topic's part of a batch; all times in ms of Unix time."""
        times = sorted(timestamps)
        waited = bisect_left(times, committed_at)  # for the rest a clock goes ahead of ours
        with self._lock:
            at_most, total = self._topics.setdefault(topic, ([0] * (len(DELAYS) + 1), [0.0]))
            for place, bound in enumerate(DELAYS):
                at_most[place] += len(times) - bisect_left(times, committed_at - bound * 1000)
            at_most[-1] += len(times)
            total[0] += (waited * committed_at - sum(times[:waited])) / 1000

    def collect(self) -> Iterator[Metric]:
        """Give Prometheus the histogram, one series of buckets a topic."""
        family = HistogramMetricFamily(
            "plainscore_delay_seconds",
            "From a record's Kafka timestamp to the end of the transaction that holds its effect.",
            labels=("topic",),
        )
        bounds = [*map(str, DELAYS), "+Inf"]
        with self._lock:
            for topic, (at_most, total) in sorted(self._topics.items()):
                buckets = list(zip(bounds, map(float, at_most), strict=True))
                family.add_metric((topic,), buckets=buckets, sum_value=total[0])
        yield family


class _Place:
    """How far one partition of a topic has been read, and how far it could be."""

    def __init__(self) -> None:
        self.end = 0
        self.offset = 0
        self.timestamp: int | None = None
        self.behind_since: int | None = None

    @property
    def records(self) -> int:
        return max(0, self.end - self.offset)

    def seconds(self, now: int) -> float:
        """Age of the oldest record not yet committed, as closely as it can be known."""
        since = max(self.timestamp or 0, self.behind_since or 0)
        return max(0, now - since) / 1000 if self.records and since else 0.0


class Lag(Collector):
    """How far the worker is behind the input topics, in records and in seconds.

    The seconds are reckoned at each scrape, so they also grow in a worker that is stuck.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[tuple[str, int], _Place] = {}

    def end(self, topic: str, partition: int, offset: int) -> None:
        """Note where the log ends: one past the last record that may be read."""
        with self._lock:
            place = self._places.setdefault((topic, partition), _Place())
            if not place.records and place.timestamp is not None:
                # A quiet topic's last record may be old: the wait began now, not with that record.
                place.behind_since = now_ms()
            place.end = offset

    def reached(self, topic: str, partition: int, offset: int, timestamp: int) -> None:
        """Note that every record before the offset is committed; timestamp: the last one's, ms."""
        with self._lock:
            place = self._places.setdefault((topic, partition), _Place())
            place.offset = offset
            place.timestamp = timestamp

    def drop(self, partition: int) -> None:
        """Forget a partition that another worker owns now."""
        with self._lock:
            for key in [key for key in self._places if key[1] == partition]:
                del self._places[key]

    def collect(self) -> Iterator[Metric]:
        """Give Prometheus both gauges."""
        labels = ("topic", "partition")
        records = GaugeMetricFamily(
            "plainscore_lag_records",
            "Records of an input topic that are not yet part of a committed transaction.",
            labels=labels,
        )
        seconds = GaugeMetricFamily(
            "plainscore_lag_seconds",
            "Age of the oldest record that is not yet part of a committed transaction; 0 if none.",
            labels=labels,
        )
        now = now_ms()
        with self._lock:
            for (topic, partition), place in sorted(self._places.items()):
                records.add_metric((topic, str(partition)), place.records)
                seconds.add_metric((topic, str(partition)), place.seconds(now))
        yield records
        yield seconds


class Held(Collector):
    """What the owned partitions hold: citizens, and their latest scores by tier.

    Kept by addition, since counting a table means reading it: `start` with what was counted (or
    kept) when the partition was restored, then `move` after every commit.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._citizens: dict[int, int] = {}
        self._scores: dict[tuple[int, str, str], int] = {}

    def start(self, partition: int, citizens: int, scores: Mapping[tuple[str, str], int]) -> None:
        """Set out with a restored partition; scores: how many by (scorecard, tier)."""
        self.drop(partition)
        self.move(partition, citizens, scores)

    def move(self, partition: int, citizens: int, moves: Mapping[tuple[str, str], int]) -> None:
        """Add what came, and take off what left."""
        with self._lock:
            add(self._citizens, partition, citizens)
            for (scorecard, tier), number in moves.items():
                add(self._scores, (partition, scorecard, tier), number)

    def drop(self, partition: int) -> None:
        """Forget a partition that another worker owns now."""
        with self._lock:
            self._citizens.pop(partition, None)
            for key in [key for key in self._scores if key[0] == partition]:
                del self._scores[key]

    def collect(self) -> Iterator[Metric]:
        """Give Prometheus both gauges."""
        citizens = GaugeMetricFamily(
            "plainscore_citizens",
            "Citizens with a consent on record.",
            labels=("partition",),
        )
        scores = GaugeMetricFamily(
            "plainscore_scores",
            "Latest scores, by scorecard and tier.",
            labels=("partition", "scorecard", "tier"),
        )
        with self._lock:
            for partition, number in sorted(self._citizens.items()):
                citizens.add_metric((str(partition),), number)
            for (partition, scorecard, tier), number in sorted(self._scores.items()):
                scores.add_metric((str(partition), scorecard, tier), number)
        yield citizens
        yield scores


def now_ms() -> int:
    """Tell the time on the wall, in ms."""
    return time.time_ns() // 1_000_000


def _version() -> str:
    try:
        return metadata.version("plainscore")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "unknown"


events = Counter(
    "plainscore_events",
    "Records read and committed, by what became of them and why; or deleted unread by Kafka.",
    ("topic", "outcome", "reason"),
    registry=REGISTRY,
)
dead_letters = Counter(
    "plainscore_dead_letters",
    "Records written to dead-letters, by the topic they came from and why.",
    ("topic", "reason"),
    registry=REGISTRY,
)
changes = Counter(
    "plainscore_changes",
    "Score changes written, by scorecard and kind of cause.",
    ("scorecard", "cause"),
    registry=REGISTRY,
)
transactions = Counter(
    "plainscore_transactions",
    "Transactions by their end; unclear: neither a yes nor a no came from the broker.",
    ("end",),
    registry=REGISTRY,
)
commit_phase = Histogram(
    "plainscore_commit_phase_seconds",
    "Time of each phase of a transaction.",
    ("phase",),
    buckets=SECONDS,
    registry=REGISTRY,
)
batch_records = Histogram(
    "plainscore_batch_records",
    "Records in one transaction.",
    buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000),
    registry=REGISTRY,
)
restore_records = Counter(
    "plainscore_restore_records",
    "Records read back from the changelogs.",
    ("partition",),
    registry=REGISTRY,
)
restore_remaining = Gauge(
    "plainscore_restore_remaining_records",
    "Changelog records still to be read before the partition is restored; 0 when it is.",
    ("partition",),
    registry=REGISTRY,
)
restore_seconds = Histogram(
    "plainscore_restore_seconds",
    "Time to restore a partition.",
    buckets=(0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
    registry=REGISTRY,
)
partitions_owned = Gauge(
    "plainscore_partitions_owned", "Partitions that this worker acts on.", registry=REGISTRY
)
copies = Gauge(
    "plainscore_copies",
    "Partitions of others whose copies this worker keeps, all of them as new as a round ago.",
    registry=REGISTRY,
)
scorecards_held = Gauge(
    "plainscore_scorecards_held",
    "Published scorecard versions that this worker holds.",
    registry=REGISTRY,
)
tick_interval = Gauge(
    "plainscore_tick_interval_seconds",
    "How far apart ticks are meant to be (PLAINSCORE_TICK_MINUTES).",
    registry=REGISTRY,
)
ready = Gauge(
    "plainscore_ready",
    "1 where a condition of readiness holds, else 0; the worker is ready when all hold.",
    ("condition",),
    registry=REGISTRY,
)
build = Info("plainscore_build", "Which plainscore runs, and on what.", registry=REGISTRY)
build.info({"version": _version(), "python": platform.python_version()})

delays = Delays()
lag = Lag()
held = Held()
for _collector in (delays, lag, held):
    REGISTRY.register(_collector)

# A series that exists from the start with 0 lets Prometheus see its first increase.
for _phase in PHASES:
    commit_phase.labels(_phase)
for _end in ENDS:
    transactions.labels(_end)


def count(outcome: Outcome) -> None:
    """Add what became of one partition's batch, after its commit."""
    for (topic, end, reason), number in outcome.counts.items():
        events.labels(topic, end, reason).inc(number)
        if end == "dead_letter":
            dead_letters.labels(topic, reason).inc(number)


def missed(topic: str, records: int) -> None:
    """Add records that Kafka deleted before they were read; marks of transactions among them."""
    events.labels(topic, "dropped", "deleted_unread").inc(records)


def drop(partition: int) -> None:
    """Forget every gauge of a partition that another worker owns now."""
    lag.drop(partition)
    held.drop(partition)
    restore_remaining.remove(str(partition))
