"""A published scorecard: everything that can move a score, as plain values.

These are the page's own terms, checked by `validate.build`; nothing here reads a clock or a file.
Times are UTC milliseconds, amounts are minor units (cents), points and totals are integers.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from streams.scoring.kind import Kind

Measure = Literal["count", "amount", "quantity", "days_late", "missed"]
Ageing = Literal["flat", "linear"]

OUTCOMES = ("on_time", "late", "missed")  # of a payment, worked out from due_on and paid_on

LOWEST = 350
HIGHEST = 950
DAY_MS = 24 * 60 * 60 * 1000


def values_of(kind: Kind, field: str) -> tuple[str, ...] | None:
    """The values of a field that `where` may name; () for any text, None if it may not name it."""
    if field == "outcome" and {"due_on", "paid_on"} <= kind.fields.keys():
        return OUTCOMES
    if field not in kind.fields:
        return None
    match kind.fields[field].type:
        case "enum":
            return kind.fields[field].symbols
        case "string":
            return ()
        case _:
            return None


@dataclass(frozen=True)
class Condition:
    """One line of `where`: the field's value is among `values`, or not among them if negated."""

    field: str
    values: frozenset[str]
    negated: bool = False

    def holds(self, value: str) -> bool:
        """Whether a fact with this value of the field is counted."""
        return (value in self.values) is not self.negated


@dataclass(frozen=True)
class Characteristic:
    """One thing that is counted, and the points that its total earns or costs.

    An event adds its measure, at most `max_per_event`, for `window` periods. `points` is the
    published table from total to points: (0, 0) first, totals strictly rising, level beyond its
    end. All conditions of `where` must hold.
    """

    id: str
    dimension: str
    reads: str
    where: tuple[Condition, ...]
    measure: Measure
    max_per_event: int
    window: int
    ageing: Ageing
    points: tuple[tuple[int, int], ...]
    reason: str

    @cached_property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """The rows of `points` behind the first, which is always (0, 0)."""
        return self.points[1:]


@dataclass(frozen=True)
class Tier:
    """A tier; a score at or above `start` (the page's `from`) is in it."""

    id: str
    start: int


@dataclass(frozen=True)
class Perk:
    """What whoever is in the tier, or in one above it, can do or gets."""

    id: str
    tier: str
    text: str


@dataclass(frozen=True)
class Scorecard:
    """One version of a scorecard. `start` is the page's `base`: the score with nothing counted."""

    id: str
    version: int
    effective_from: int
    purpose: str
    currency: str
    start: int
    low: int
    high: int
    period_ms: int
    one_event_costs_at_most: int
    shadow: bool
    characteristics: tuple[Characteristic, ...]
    tiers: tuple[Tier, ...]
    perks: tuple[Perk, ...]

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of event that it reads."""
        return frozenset(each.reads for each in self.characteristics)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The ids of the characteristics, in the page's order."""
        return tuple(each.id for each in self.characteristics)

    @cached_property
    def shortest_window(self) -> int:
        """The least number of periods that one of its characteristics counts."""
        return min(each.window for each in self.characteristics)

    def reading(self, kind: str) -> tuple[tuple[int, Characteristic], ...]:
        """The characteristics that read a kind, each with its place in the page's order."""
        return self._reading.get(kind, ())

    @cached_property
    def _reading(self) -> dict[str, tuple[tuple[int, Characteristic], ...]]:
        placed = tuple(enumerate(self.characteristics))
        return {
            kind: tuple((place, each) for place, each in placed if each.reads == kind)
            for kind in self.kinds
        }

    def tier_of(self, score: int) -> str:
        """The id of the highest tier that starts at or below a score from low to high."""
        return self.tiers[bisect_right(self._starts, score) - 1].id

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return tuple(tier.start for tier in self.tiers)

    def perks_of(self, tier: str) -> tuple[str, ...]:
        """The ids of the perks of this tier and of every tier below it, in the page's order."""
        return self._perks[tier]

    @cached_property
    def _perks(self) -> dict[str, tuple[str, ...]]:
        rank = {tier.id: place for place, tier in enumerate(self.tiers)}
        return {
            tier: tuple(perk.id for perk in self.perks if rank[perk.tier] <= place)
            for tier, place in rank.items()
        }
