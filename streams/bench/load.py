"""The load: citizens who consent, and their events, as the bytes that stand in the topics."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from streams.codec import encode
from streams.scoring.ledger import DAY
from streams.topics import partition_of

PARTITIONS = 4
SEED = 20_150_618
END = 1_767_139_200_000  # 2025-12-31, ms; scores do not depend on the day of the measuring
AGAIN_OF = 100  # one in so many events comes twice
AGAIN_WITHIN = 1_000  # records behind the first
SCORECARD = "everyday"
TIMED = "timed-"  # begins the id of an event whose way is timed; its number follows
NUMBER = 10  # digits of that number
SHOPS = tuple(f"shop-{number:02}" for number in range(1, 21))
CATEGORIES = ("groceries", "household", "books", "music", "tools", "transport", "games", "toys")
OFFENCES = ("parking", "speeding", "signals", "noise")
OBLIGATIONS = ("rent", "energy", "telephone", "insurance")


@dataclass(frozen=True)
class Shape:
    """What a load is like: the share of each kind, its days, and how uneven citizens are.

    The nth citizen has events in proportion to 1 / n ** skew: with 0 all have as many.
    """

    kinds: Mapping[str, int]
    days: int
    skew: float

    @property
    def begin(self) -> int:
        """The time of the first event; they follow in the order of time, as in a backfill."""
        return END - self.days * DAY


PURCHASES = Shape({"purchases": 1}, 30, 0.0)
FULL = Shape({"purchases": 85, "payments": 12, "fines": 3}, 548, 0.8)


class Sent(NamedTuple):
    """A record to send."""

    topic: str
    key: bytes
    value: bytes
    partition: int


@dataclass(frozen=True)
class Load:
    """Citizens, the consent of each, and events with about one in a hundred sent twice."""

    shape: Shape
    citizens: tuple[str, ...]
    consents: list[Sent]
    events: list[Sent]

    def part(self, of: int) -> "Load":
        """Give the first of `of` parts of the citizens, with all that is theirs."""
        chosen = self.citizens[: max(1, len(self.citizens) // of)]
        keys = {name.encode() for name in chosen}
        return Load(
            self.shape,
            chosen,
            [each for each in self.consents if each.key in keys],
            [each for each in self.events if each.key in keys],
        )

    def timed(self, first: int, count: int) -> list[Sent]:
        """Make so many events more, after all others, whose ids say their numbers."""
        maker = _Maker(self.shape, self.citizens, first + SEED)
        return [
            maker.event(f"{TIMED}{number:0{NUMBER}}", END + number)
            for number in range(first, first + count)
        ]


def make(events: int, citizens: int, shape: Shape = PURCHASES) -> Load:
    """Make a load; the same numbers give the same bytes."""
    names = tuple(f"citizen-{number:08}" for number in range(citizens))
    grant = {
        "scorecard": SCORECARD,
        "kinds": list(shape.kinds),
        "covers_from": shape.begin - 365 * DAY,
    }
    consents = [
        _sent("consents", {"citizen_id": name, "occurred_at": shape.begin, "grants": [grant]})
        for name in names
    ]
    maker, again = _Maker(shape, names, SEED), events // AGAIN_OF
    chance, number = maker.chance, events - again
    once = [
        maker.event(
            f"{chance.getrandbits(128):032x}", shape.begin + shape.days * DAY * place // number
        )
        for place in range(number)
    ]
    placed: list[tuple[float, Sent]] = [(float(place), each) for place, each in enumerate(once)]
    for place in chance.sample(range(number), again):
        placed.append((place + chance.uniform(0.0, AGAIN_WITHIN), once[place]))
    placed.sort(key=lambda each: each[0])
    return Load(shape, names, consents, [each for _, each in placed])


class _Maker:
    """Makes events by chance."""

    def __init__(self, shape: Shape, citizens: Sequence[str], seed: int) -> None:
        self.chance = random.Random(seed)
        self._citizens = random.Random(SEED).sample(citizens, len(citizens))  # most events first
        ranks = range(1, len(citizens) + 1)
        self._weights = list(accumulate(rank**-shape.skew for rank in ranks))
        self._kinds = tuple(shape.kinds)
        self._shares = list(accumulate(shape.kinds.values()))

    def event(self, event_id: str, occurred_at: int) -> Sent:
        """Make an event of some citizen."""
        choices = self.chance.choices
        (citizen,) = choices(self._citizens, cum_weights=self._weights)
        (kind,) = choices(self._kinds, cum_weights=self._shares)
        values = {
            "event_id": event_id,
            "citizen_id": citizen,
            "occurred_at": occurred_at,
            "amount_minor": self.chance.randrange(100, 20_000),
            "currency": "USD",
        }
        return _sent(kind, values | _FIELDS[kind](self.chance, occurred_at // DAY))


def _purchase(chance: random.Random, _day: int) -> dict[str, Any]:
    return {
        "source": chance.choice(SHOPS),
        "category": chance.choice(CATEGORIES),
        "quantity": chance.choice((1, 1, 1, 2, 3)),
    }


def _payment(chance: random.Random, day: int) -> dict[str, Any]:
    days_late = chance.choice((-3, -2, -1, 0, 0, 0, 0, 5, 20, None))  # None: missed
    return {
        "source": "bank",
        "obligation": chance.choice(OBLIGATIONS),
        "due_on": day - 1 if days_late is None else day - days_late,
        "paid_on": None if days_late is None else day,
    }


def _fine(chance: random.Random, _day: int) -> dict[str, Any]:
    return {
        "source": "city",
        "offence": chance.choice(OFFENCES),
        "severity": chance.choice(("minor", "minor", "minor", "moderate", "severe")),
    }


_FIELDS = {"purchases": _purchase, "payments": _payment, "fines": _fine}


def _sent(topic: str, values: dict[str, Any]) -> Sent:
    name = values["citizen_id"]
    return Sent(topic, name.encode(), encode(topic, values), partition_of(name, PARTITIONS))
