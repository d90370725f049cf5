"""A schedule: what befalls the workers while a history is published, all drawn from a seed."""

from dataclasses import dataclass
from random import Random

CRASHES = (
    *(
        f"crash {step}:{when}"
        for step in ("begin", "process", "flush", "offsets", "commit", "write", "restore")
        for when in ("before", "after")
    ),
    "crash flush:during",
    "crash commit:during",
    "crash write:during",
)
SLEEPS = (
    "sleep begin:after",
    "sleep process:after",
    "sleep offsets:before",
    "sleep offsets:after",
    "sleep write:before",
)
# What costs seconds of its own is drawn in its turn alone.
DEAR = ("disk full", "compaction", "old folder")
CHEAP = (
    *CRASHES,
    "lose commit:before",
    "lose commit:after",
    *SLEEPS,
    "kill",
    "storm",
    "cut",
    "damage",
    "clock",
    "folder lost",
)
FAULTS = (*CHEAP, *DEAR)
BROKER = "broker"  # wants more than one broker
BROKERS_EVERY = 25  # seeds; they are dear


@dataclass(frozen=True)
class Schedule:
    """The faults of a seed, in order, and how many workers there are when they begin."""

    seed: int
    faults: tuple[str, ...]
    workers: int
    commit_ms: int
    fetch_ms: int  # after which a broker answers a worker though there is little

    @property
    def brokers(self) -> int:
        """How many brokers it wants."""
        return 3 if BROKER in self.faults else 1


def drawn(seed: int) -> Schedule:
    """Draw the schedule of a seed. Every fault has its turn, among others that chance adds."""
    random = Random(f"{seed} schedule")
    if seed % BROKERS_EVERY:
        turn = seed - seed // BROKERS_EVERY
        others = random.choices(CHEAP, k=random.choice((1, 1, 1, 2)))
        faults = [FAULTS[turn % len(FAULTS)], *others]
    else:
        faults = [BROKER, random.choice([each for each in CHEAP if each != "cut"])]
    random.shuffle(faults)
    workers, commit_ms = random.choice((1, 1, 2)), random.choice((10, 30, 100))
    # The shorter, the more often events are there before their consents; it keeps a broker busy.
    return Schedule(seed, tuple(faults), workers, commit_ms, random.choice((20, 100, 100)))
