"""The most that one event can cost, as the page promises it to the people it scores."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from streams.scoring.kind import Kind
from streams.scoring.scorecard import Characteristic, Condition, values_of

MOST_COMBINATIONS = 10_000
_ANY_OTHER = ""  # stands for every value that no condition names


class TooManyCombinations(Exception):
    """The conditions on a kind tell apart more sorts of event than can be gone through."""


@dataclass(frozen=True)
class Cost:
    """Points that one event of a kind can take away, and by which characteristics."""

    kind: str
    points: int
    falls: tuple[tuple[str, int], ...]  # (characteristic id, points)


def dearest_event(kind: Kind, characteristics: Sequence[Characteristic], currency: str) -> Cost:
    """The event of this kind that can cost most, over all characteristics that it can meet.

    Raises TooManyCombinations.
    """
    falling = [
        (each.id, fall, each.where + _implied(each, currency))
        for each in characteristics
        if (fall := steepest_fall(each.points, _most_of_one(each)))
    ]
    dearest = Cost(kind.name, 0, ())
    for fact in _sorts_of_fact(kind, [conditions for _, _, conditions in falling]):
        met = tuple(
            (id_, fall)
            for id_, fall, conditions in falling
            if all(term.holds(fact[term.field]) for term in conditions)
        )
        cost = sum(fall for _, fall in met)
        if cost > dearest.points:
            dearest = Cost(kind.name, cost, met)
    return dearest


def steepest_fall(points: Sequence[tuple[int, int]], most: int) -> int:
    """The most points that adding up to `most` to any total can take away, rounding included.

    Between two of the table's totals the points run straight, so the steepest fall begins or ends
    at one of them, over the whole of `most` or between two of them. A window of n periods
    stretches totals and `most` alike and changes nothing. Rounding down on both ends adds less
    than a point.
    """
    totals = [total for total, _ in points]
    steepest = Fraction(0)
    for begin in {*totals, *(total - most for total in totals if total >= most)}:
        passed = [Fraction(each) for total, each in points if begin < total < begin + most]
        lowest = min(*passed, _points_at(points, begin + most), _points_at(points, begin))
        steepest = max(steepest, _points_at(points, begin) - lowest)
    return math.ceil(steepest)


def _points_at(points: Sequence[tuple[int, int]], total: int) -> Fraction:
    x0, y0 = points[0]
    for x1, y1 in points[1:]:
        if total < x1:
            return y0 + Fraction((total - x0) * (y1 - y0), x1 - x0)
        x0, y0 = x1, y1
    return Fraction(y0)


def _most_of_one(characteristic: Characteristic) -> int:
    once = characteristic.measure in ("count", "missed")  # an event is counted once
    return 1 if once else characteristic.max_per_event


def _implied(characteristic: Characteristic, currency: str) -> tuple[Condition, ...]:
    """What a fact must be for the measure to be more than zero."""
    match characteristic.measure:
        case "amount":
            return (Condition("currency", frozenset({currency})),)
        case "days_late":
            return (Condition("outcome", frozenset({"late"})),)
        case "missed":
            return (Condition("outcome", frozenset({"missed"})),)
        case _:
            return ()


def _sorts_of_fact(
    kind: Kind, conditions: Sequence[Sequence[Condition]]
) -> Iterator[dict[str, str]]:
    """One fact of each sort that the conditions tell apart, as its values by field."""
    by_field: dict[str, list[Condition]] = {}
    for condition in (term for terms in conditions for term in terms):
        by_field.setdefault(condition.field, []).append(condition)
    choices = {name: _told_apart(kind, name, terms) for name, terms in by_field.items()}
    if math.prod(len(values) for values in choices.values()) > MOST_COMBINATIONS:
        raise TooManyCombinations
    for values in product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def _told_apart(kind: Kind, name: str, conditions: Sequence[Condition]) -> list[str]:
    """Values of a field, one for each way of meeting and missing these conditions."""
    possible = list(values_of(kind, name) or ())
    if not possible or (name in kind.fields and kind.fields[name].nullable):
        possible += sorted({value for term in conditions for value in term.values})
        possible.append(_ANY_OTHER)
    by_answer = {tuple(term.holds(value) for term in conditions): value for value in possible}
    return list(by_answer.values())
