"""Totals: what a citizen's entries weigh, in integers, by characteristic and period.

Time is cut into a scorecard's periods. A citizen's periods are shifted by an offset of its own, so
that ageing work spreads over the month. An entry adds to the period it fell into; how much of that
still counts is worked out on reading, from the age of the period.
"""

from functools import lru_cache
from hashlib import sha256

from streams.scoring.ledger import Content
from streams.scoring.scorecard import Characteristic, Scorecard

# By period number: what each characteristic added in it, in the page's order. An event touches one
# row; rows of nothing but zeros are not kept.
Totals = dict[int, list[int]]


@lru_cache(maxsize=65_536)
def offset_of(citizen_id: str, period_ms: int) -> int:
    """Give the shift of a citizen's periods in ms, at least 0 and under one period."""
    return int.from_bytes(sha256(citizen_id.encode()).digest()[:8], "big") % period_ms


def period_of(time: int, offset: int, period_ms: int) -> int:
    """Give the number of the period that a time (ms) falls into."""
    return (time - offset) // period_ms


def start_of(period: int, offset: int, period_ms: int) -> int:
    """Give the first ms of a period."""
    return period * period_ms + offset


def outcome(content: Content) -> str:
    """Say whether a payment was on_time, late or missed."""
    if content.get("paid_on") is None:
        return "missed"
    return "late" if content["paid_on"] > content["due_on"] else "on_time"


def measured(characteristic: Characteristic, content: Content, currency: str) -> int:
    """Give what one event adds to a characteristic, at most `max_per_event`."""
    for condition in characteristic.where:
        value = outcome(content) if condition.field == "outcome" else content.get(condition.field)
        if (value in condition.values) == condition.negated:
            return 0
    measure = characteristic.measure
    if measure == "count":
        amount = 1
    elif measure == "amount":
        # an amount in another currency counts as an event and not as an amount
        amount = content["amount_minor"] if content["currency"] == currency else 0
    elif measure == "quantity":
        amount = content.get("quantity", 1)  # contents leave defaults out, and this one is 1
    elif measure == "days_late":
        amount = content["paid_on"] - content["due_on"] if outcome(content) == "late" else 0
    else:
        amount = 1 if outcome(content) == "missed" else 0
    return min(amount, characteristic.max_per_event)


def weigh(scorecard: Scorecard, kind: str, content: Content) -> list[tuple[int, int]]:
    """Give what an entry's content adds: (place of the characteristic, amount), zeros left out."""
    added = []
    for place, characteristic in scorecard.reading(kind):
        amount = measured(characteristic, content, scorecard.currency)
        if amount:
            added.append((place, amount))
    return added


def turn(totals: Totals, scorecard: Scorecard, now: int) -> list[int]:
    """Give each characteristic's total in period `now`, exact, on a scale of its window.

    What is too old to count is dropped: it never will again, as time does not fall.
    """
    wholes = [0] * len(scorecard.characteristics)
    gone: list[int] = []
    for period, row in totals.items():
        age = now - period
        counting = scorecard.counting(age)
        counts = age < 0
        for place, amount in enumerate(row):
            if amount:
                if counting[place]:
                    wholes[place] += amount * counting[place]
                    counts = True
                elif age > 0:
                    row[place] = 0
        if not counts:
            gone.append(period)
    for period in gone:
        del totals[period]
    return wholes
