"""What consumers receive: a change of a score, the latest score, what a share shows of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cause:
    """What made a score change: a kind of event, a dispute, a tick ..., and its id."""

    kind: str
    id: str


@dataclass(frozen=True)
class Contribution:
    """The points of one characteristic, before and now."""

    characteristic: str
    previous_points: int
    points: int


@dataclass(frozen=True)
class Change:
    """A record of score-changes; times are ms since 1970 UTC. schemas/score-changes.avsc says more.

    Sequence counts the changes of (citizen_id, scorecard, since): 1, 2, 3, without a gap.
    """

    change_id: str
    citizen_id: str
    scorecard: str
    version: int
    since: int
    sequence: int
    as_of: int
    previous_score: int | None
    score: int
    previous_tier: str | None
    tier: str
    cause: Cause
    contributions: tuple[Contribution, ...]
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Change":
        """Make it of a decoded record."""
        made = {
            "cause": Cause(**values["cause"]),
            "contributions": tuple(Contribution(**each) for each in values["contributions"]),
            "reasons": tuple(values["reasons"]),
        }
        return cls(**{**values, **made})


@dataclass(frozen=True)
class Score:
    """A record of scores: a citizen's latest score; `perks` are ids, as_of in ms since 1970 UTC."""

    citizen_id: str
    scorecard: str
    version: int
    score: int
    tier: str
    perks: tuple[str, ...]
    sequence: int
    as_of: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Score":
        """Make it of a decoded record."""
        return cls(**{**values, "perks": tuple(values["perks"])})


@dataclass(frozen=True)
class SharedScore:
    """What a citizen shows one audience: None is not shown. `ended`: this was the last."""

    citizen_id: str
    scorecard: str
    tier: str | None
    score: int | None
    ended: bool

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "SharedScore":
        """Make it of a decoded record."""
        return cls(**values)
