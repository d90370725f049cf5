"""The ways to do the work: how each is started, and how it tells how far it is."""

import os
from pathlib import Path

from streams.bench.load import SCORECARD, Load
from streams.bench.process import Process
from streams.bench.send import Ends, publish
from streams.bench.stage import Stage, group_of
from streams.client import Publisher
from streams.scorecards import example
from streams.settings import PREFIX

RAW_ROUNDS = 10  # the raw loop is over before it is measured, unless the events come so often
RAW_EVENTS = 1_000_000  # enough for that, however many the load has
FAUST_PART = 10  # plain Faust takes one in so many citizens, with all that is theirs


class Way:
    """A way to do the work, in a process of its own that ends at SIGTERM."""

    scores = True  # it gives changes, not the same bytes
    reads_committed = True  # so that the events can stand ready before they are released

    def __init__(self, name: str) -> None:
        self.name = name

    def part(self, load: Load) -> Load:
        """Give what it takes of a load."""
        return load

    def rounds(self, _load: Load) -> int:
        """Tell how often it takes each event."""
        return 1

    def prepare(self, _stage: Stage, _load: Load) -> Ends:
        """Publish what must stand in the topics before the start; gives the ends of it."""
        return {}

    def start(self, stage: Stage, load: Load, state: Path) -> Process:
        """Make the process, with a folder for its state."""
        raise NotImplementedError

    def began(self, _stage: Stage, process: Process, _prepared: Ends) -> bool:
        """Whether it waits for events, for the first time."""
        return process.said("ready")

    def began_again(self, process: Process) -> bool:
        """Whether it waits for events, with another's offsets and an empty state folder."""
        return process.said("ready")

    def done(self, stage: Stage, _process: Process, ends: Ends) -> bool:
        """Whether it is through with all events."""
        return stage.reached(ends)


class Raw(Way):
    """The loop that passes the bytes on."""

    scores = False

    def rounds(self, load: Load) -> int:
        """Give it events for longer than a moment."""
        return min(RAW_ROUNDS, max(1, RAW_EVENTS // len(load.events)))

    def start(self, stage: Stage, load: Load, _state: Path) -> Process:
        """It has no state."""
        return stage.process(["streams.bench.raw", stage.brokers, stage.prefix, *load.shape.kinds])


class Faust(Way):
    """Plain Faust; it commits every few seconds, and says itself when all output is delivered."""

    reads_committed = False

    def part(self, load: Load) -> Load:
        """Give it few: it is slow."""
        return load.part(FAUST_PART)

    def prepare(self, stage: Stage, load: Load) -> Ends:
        """Publish the consents; the scorecard is in its program."""
        return publish(stage.brokers, stage.prefix, load.consents)

    def start(self, stage: Stage, load: Load, state: Path) -> Process:
        """It counts what it takes."""
        sizes = [str(len(load.consents)), str(len(load.events))]
        place = [stage.brokers, stage.prefix, str(state)]
        return stage.process(["streams.bench.plain_faust", *place, *sizes, *load.shape.kinds])

    def began_again(self, process: Process) -> bool:
        """Whether its tables are recovered."""
        return process.said("recovered")

    def done(self, _stage: Stage, process: Process, _ends: Ends) -> bool:
        """Believe it."""
        return process.said("done")


class Lane(Way):
    """A worker, by default as everybody starts it."""

    def __init__(self, name: str, commit_ms: int, module: tuple[str, ...] = ("streams", "worker")):
        super().__init__(name)
        self._commit_ms = commit_ms
        self._module = module

    def prepare(self, stage: Stage, load: Load) -> Ends:
        """Publish scorecard and consents."""
        with Publisher(stage.brokers, prefix=stage.prefix) as publisher:
            publisher.publish_scorecard(example(SCORECARD))
        return publish(stage.brokers, stage.prefix, load.consents)

    def start(self, stage: Stage, _load: Load, state: Path) -> Process:
        """It takes settings from its environment."""
        settings = {
            "BROKERS": stage.brokers,
            "PREFIX": stage.prefix,
            "GROUP": group_of(stage.prefix),
            "STATE_DIR": str(state),
            "COMMIT_MS": str(self._commit_ms),
            "METRICS_PORT": "0",
            "LOG_JSON": "true",
        }
        environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        environment.update({PREFIX + name: value for name, value in settings.items()})
        return stage.process(self._module, environment)

    def began(self, stage: Stage, _process: Process, prepared: Ends) -> bool:
        """Whether it has taken in the consents."""
        return stage.reached(prepared)

    def began_again(self, process: Process) -> bool:
        """Whether its tables are restored."""
        return process.logged("worker_ready") is not None

    def restored_per_s(self, process: Process) -> float:
        """Give the changelog records a second that it took in at its start."""
        told = process.logged("partitions_restored")
        assert told is not None, "it has begun again"
        return float(told["records"] / told["seconds"])


WAYS = (Raw("raw"), Faust("faust"), Lane("lane", 100))
FULL_WAYS = (
    Raw("raw"),
    Faust("faust"),
    Lane("lane_at_least_once", 100, ("streams.bench.at_least_once",)),
    Lane("lane_20_ms", 20),
    Lane("lane_100_ms", 100),
    Lane("lane_1_s", 1_000),
)
