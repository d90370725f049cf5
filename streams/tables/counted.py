"""How many citizens and latest scores a partition holds, kept by addition."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.state import Standing


@dataclass
class Counted:
    """Citizens with a consent, and their latest scores by (scorecard, tier)."""

    citizens: int = 0
    tiers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def move(self, citizens: int, tiers: Mapping[tuple[str, str], int]) -> None:
        """Add what came, and take off what left."""
        self.citizens += citizens
        for key, number in tiers.items():
            self._add(key, number)

    def count(self, standing: Standing, times: int) -> None:
        """Add what a row of the table of citizens stands for, or with times -1 take it off."""
        self.citizens += standing.citizens * times
        for key in standing.tiers:
            self._add(key, times)

    def _add(self, key: tuple[str, str], number: int) -> None:
        now = self.tiers[key] + number
        if now:
            self.tiers[key] = now
        else:
            del self.tiers[key]

    def encode(self) -> bytes:
        """Write it for `PartitionStore.write`."""
        return json.dumps([self.citizens, [[*key, n] for key, n in self.tiers.items()]]).encode()

    @classmethod
    def decode(cls, value: bytes) -> "Counted":
        """Read what `encode` wrote."""
        citizens, tiers = json.loads(value)
        return cls(citizens, Counter({(scorecard, tier): n for scorecard, tier, n in tiers}))
