"""Runs the ways in turn, each in a process of its own, and measures them alike.

The events stand ready in their topics, in a transaction that is still open. When the process has
started, joined its group and taken in the consents, the transaction is committed: from there the
time and the processor are counted, to the commit of the last event. Plain Faust reads what is not
committed, so its events are sent when it has started; the broker's part holds taking them in.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streams.bench.latency import Latency, count_of, latency
from streams.bench.load import Load
from streams.bench.process import Process, broker_cpu_seconds
from streams.bench.scores import Scores, compare, last_scores
from streams.bench.send import Sender
from streams.bench.stage import Stage
from streams.bench.ways import FAUST_PART, Lane, Way
from streams.embedded import Broker
from streams.errors import BadUsage

MEASURE_SECONDS = 1_800.0
CALM_RATE = 2_000.0  # events a second, for the latency of a worker that has little to do
MOST_RATE = 50_000.0  # events a second that one sender keeps sending on time


@dataclass(frozen=True)
class Run:
    """What one run of one way came to."""

    events: int
    citizens: int
    seconds: float
    cpu_seconds: float
    broker_cpu_seconds: float
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


@dataclass(frozen=True)
class After:
    """What was measured on a run's topics after it, as far as it makes sense for its way."""

    restored_per_s: float | None
    at_calm: Latency | None
    at_half: Latency | None


class Bench:
    """The ways on one broker; `folder` is for state and is emptied after each run."""

    def __init__(self, broker: Broker, load: Load, folder: Path) -> None:
        if not sys.platform.startswith("linux"):
            raise BadUsage(
                "The benchmark reads what a process costs from /proc, and runs on Linux alone",
                next_step="Run it on Linux, or in a container.",
            )
        self._broker = broker
        self._load = load
        self._folder = folder
        self._scores: Scores | None = None

    def run(self, way: Way) -> Run:
        """Run one way once, on topics of its own and with no state."""
        with Stage(self._broker.bootstrap, way.name, self._folder) as stage:
            return self._throughput(way, stage)

    def run_full(self, way: Way) -> tuple[Run, After]:
        """Run one way once, and then measure it on what that has left in the topics."""
        with Stage(self._broker.bootstrap, way.name, self._folder) as stage:
            run = self._throughput(way, stage)
            return run, self._after(way, stage, run.events_per_s)

    def _throughput(self, way: Way, stage: Stage) -> Run:
        load, state = way.part(self._load), stage.folder / "state"
        prepared = way.prepare(stage, load)
        sender, rounds = Sender(stage.brokers, stage.prefix), way.rounds(load)
        ends = sender.send(load.events, rounds) if way.reads_committed else {}
        release = sender.release if way.reads_committed else lambda: sender.send(load.events)
        with way.start(stage, load, state) as process:
            process.wait(lambda: way.began(stage, process, prepared), "its start", MEASURE_SECONDS)
            used, of_broker = process.cpu_seconds(), broker_cpu_seconds(self._broker)
            seconds = _timed(process, release, lambda: way.done(stage, process, ends))
            used = process.cpu_seconds() - used
            of_broker = broker_cpu_seconds(self._broker) - of_broker
            peak = process.peak_rss_mib()
            process.stop()
        if not way.reads_committed:
            sender.release()
        if way.scores:
            self._compare(way, stage)
        events = len(load.events) * rounds
        citizens = len(load.citizens)
        return Run(events, citizens, seconds, used, of_broker, peak, _size(state))

    def _after(self, way: Way, stage: Stage, most: float) -> After:
        """Start it again without its state, and give it timed events."""
        load = way.part(self._load)

        def at(rate: float, first: int) -> Latency | None:
            if rate > most or rate > MOST_RATE:
                return None  # the queue would grow and grow, or the sender be too late
            return latency(
                stage,
                load,
                first,
                rate,
                lambda until, what: process.wait(until, what, MEASURE_SECONDS),
            )

        with way.start(stage, load, stage.folder / "state-again") as process:
            process.wait(lambda: way.began_again(process), "its second start", MEASURE_SECONDS)
            restored = way.restored_per_s(process) if isinstance(way, Lane) else None
            after = After(restored, at(CALM_RATE, 0), at(most / 2, count_of(CALM_RATE)))
            process.stop()
        return after

    def _compare(self, way: Way, stage: Stage) -> None:
        """Hold the scores of plain Faust's citizens against those of the runs before."""
        citizens = {name.encode() for name in self._load.part(FAUST_PART).citizens}
        scores = last_scores(stage, citizens)
        self._scores = self._scores or scores
        compare(way.name, scores, self._scores, citizens)


def _timed(process: Process, release: Callable[[], object], done: Callable[[], bool]) -> float:
    """Give the seconds from the release of the events to their end."""
    began = time.monotonic()
    release()
    process.wait(done, "the last event", MEASURE_SECONDS)
    return time.monotonic() - began


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
