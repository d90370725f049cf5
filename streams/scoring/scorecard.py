"""A published scorecard: everything that can move a score, as plain values.

These are the page's own terms, checked by `validate.build`; nothing here reads a clock or a file.
Times are UTC milliseconds, amounts are minor units (cents), points and totals are integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from streams.scoring.kind import Kind

Measure = Literal["count", "amount", "quantity", "days_late", "missed"]
Ageing = Literal["flat", "linear"]

OUTCOMES = ("on_time", "late", "missed")  # of a payment, worked out from due_on and paid_on

LOWEST = 350
HIGHEST = 950


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

    def counts(self, age: int) -> int:
        """How much a period counts at an age in periods, on a scale of the window."""
        if not 0 <= age < self.window:
            return 0
        return self.window if self.ageing == "flat" else self.window - age


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

    # Worked out of the page, once; it may be one that the validator is about to refuse. `names` are
    # the characteristics'; `nothing` is what a change says of each that gave no points and gives
    # none.
    kinds: frozenset[str] = field(init=False, repr=False, compare=False)
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    nothing: tuple[tuple[str, int, int], ...] = field(init=False, repr=False, compare=False)
    _counting: list[list[int]] = field(init=False, repr=False, compare=False)
    _reading: dict[str, list[tuple[int, Characteristic]]] = field(
        init=False, repr=False, compare=False
    )
    _perks: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        reading: dict[str, list[tuple[int, Characteristic]]] = {}
        for place, each in enumerate(self.characteristics):
            reading.setdefault(each.reads, []).append((place, each))
        rank = {tier.id: place for place, tier in enumerate(self.tiers)}
        perks = {
            tier: tuple(perk.id for perk in self.perks if rank.get(perk.tier, place + 1) <= place)
            for tier, place in rank.items()
        }
        longest = max((each.window for each in self.characteristics), default=0)
        derived = {
            "kinds": frozenset(reading),
            "names": tuple(each.id for each in self.characteristics),
            "nothing": tuple((each.id, 0, 0) for each in self.characteristics),
            "_counting": [  # by age; none at the end, for all that is older
                [each.counts(age) for each in self.characteristics] for age in range(longest + 1)
            ],
            "_reading": reading,
            "_perks": perks,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def counting(self, age: int) -> list[int]:
        """How much a period counts at an age in periods, by the characteristics' places."""
        last = len(self._counting) - 1
        return self._counting[age if 0 <= age < last else last]

    def reading(self, kind: str) -> Sequence[tuple[int, Characteristic]]:
        """The characteristics that read a kind, each with its place in the page's order."""
        return self._reading.get(kind, ())

    def tier_of(self, score: int) -> str:
        """The id of the highest tier that starts at or below a score from low to high."""
        found = self.tiers[0]
        for tier in self.tiers:
            if tier.start <= score:
                found = tier
        return found.id

    def perks_of(self, tier: str) -> tuple[str, ...]:
        """The ids of the perks of this tier and of every tier below it, in the page's order."""
        return self._perks[tier]
