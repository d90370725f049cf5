"""What a batch came to: what metrics count, and what the worker goes on with."""

from dataclasses import dataclass, field
from typing import TypeVar

from streams.record import Record

K = TypeVar("K")


@dataclass
class Outcome:
    """What a batch came to: records by (topic, outcome, reason), and what moved.

    The outcome of a record is one of `streams.metrics.OUTCOMES`.
    """

    counts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    changes: dict[tuple[str, str], int] = field(default_factory=dict)  # by (scorecard, cause)
    citizens: int = 0
    tiers: dict[tuple[str, str], int] = field(default_factory=dict)  # by (scorecard, tier)
    pending: bool = False  # work is left: call again, with no records if none have come
    left: list[Record] = field(default_factory=list)  # not taken yet: they wait for such work


def add(counts: dict[K, int], key: K, number: int) -> None:
    """Count some more of a key."""
    counts[key] = counts.get(key, 0) + number
