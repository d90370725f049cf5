"""The score: totals read at a time. Every table, clamp and tier is applied here, and only here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from streams.scoring.scorecard import Characteristic, Scorecard

_CHANGED: Final = 1 << 16  # more than any points: changes are told before what only stands
_PLACES: Final = 1 << 10  # more than two scorecards have characteristics


@dataclass(slots=True, init=False)
class Reading:
    """What a scorecard makes of a citizen's totals.

    `points` has one number for each characteristic, in the scorecard's order. `start_points` are
    the same at the start of the citizen's current period: today's ledger less its entries.
    """

    points: list[int]
    start_points: list[int]
    score: int
    tier: str

    # Written out where a class is made for every event: what dataclass makes is not compiled.
    def __init__(self, points: list[int], start_points: list[int], score: int, tier: str) -> None:
        self.points = points
        self.start_points = start_points
        self.score = score
        self.tier = tier


def points_for(characteristic: Characteristic, whole: int) -> int:
    """Read the points table at a total on a scale of the window.

    y0 + floor((total - x0*n)(y1 - y0) / ((x1 - x0)*n)) between two steps, level beyond the last:
    the only rounding there is, toward minus infinity.
    """
    n = characteristic.window
    x0 = y0 = 0  # every table begins so
    for x1, y1 in characteristic.points:
        if whole < x1 * n:
            return y0 + (whole - x0 * n) * (y1 - y0) // ((x1 - x0) * n)
        x0, y0 = x1, y1
    return y0


def read(
    scorecard: Scorecard,
    wholes: list[int],
    current: list[int] | None,
    before: tuple[list[int], list[int]] | None = None,
    touched: Iterable[int] = (),
) -> Reading:
    """Read totals, as `totals.turn` gives them; `current` is the row of the current period.

    With the points and start points `before`, only the `touched` characteristics are read again.
    """
    if before is None:
        points = [0] * len(wholes)
        start_points = points.copy()
        touched = [place for place, whole in enumerate(wholes) if whole]  # no total, no points
    else:
        points, start_points = before[0].copy(), before[1].copy()
    for place in touched:
        characteristic, whole = scorecard.characteristics[place], wholes[place]
        points[place] = points_for(characteristic, whole)
        at_start = whole - current[place] * characteristic.window if current else whole
        start_points[place] = points_for(characteristic, at_start)
    score = clamp(scorecard, points)
    # A rise counts at once; no event of this period lowers a tier below the one it began with.
    tier = scorecard.tier_of(max(score, clamp(scorecard, start_points)))
    return Reading(points, start_points, score, tier)


def clamp(scorecard: Scorecard, points: list[int]) -> int:
    """Add points to the start, and hold the sum within the scorecard's range."""
    score = scorecard.start + total(points)
    if score < scorecard.low:
        return scorecard.low
    return score if score < scorecard.high else scorecard.high


def total(points: list[int]) -> int:
    """Add points up; the built-in sum would be called, where this is compiled in place."""
    added = 0
    for each in points:
        added += each
    return added


def contributions(scorecard: Scorecard, points: list[int]) -> dict[str, int]:
    """Give the parts that add up to the score: base, every characteristic in order, clamp."""
    parts = {"base": scorecard.start}
    parts.update((c.id, p) for c, p in zip(scorecard.characteristics, points, strict=True))
    parts["clamp"] = clamp(scorecard, points) - sum(parts.values())
    return parts


def reasons(names: Sequence[str], before: list[int], now: list[int]) -> list[str]:
    """Name the at most four characteristics that say most about a change in their points.

    First those with the largest changes, then those with the largest points; ties in the order
    given; none with nothing to say.
    """
    telling: list[int] = []  # of each that says something, how much and its place, in one number
    for place, points in enumerate(now):
        moved = points - before[place]
        if moved:
            telling.append(place - (_CHANGED + abs(moved)) * _PLACES)
        elif points:
            telling.append(place - abs(points) * _PLACES)
    telling.sort()
    return [names[each % _PLACES] for each in telling[:4]]
