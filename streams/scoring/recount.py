"""Recount: the score from scratch, in the plainest way, with nothing carried over.

This is the oracle that every fast path is held against. It shares no step with `totals`, `score`
and `apply`: it goes through all parts and entries each time, and computes with exact fractions.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from hashlib import sha256
from itertools import groupby, pairwise
from math import floor
from typing import Any, NamedTuple

from streams.scoring.citizen import Grant
from streams.scoring.ledger import Correction, Dispute, Entry, Fact, standing
from streams.scoring.scorecard import Characteristic, Scorecard


class EventRef(NamedTuple):
    """What names an event of a citizen."""

    kind: str
    source: str
    event_id: str


Ledger = Mapping[EventRef, Entry]


class Recount(NamedTuple):
    """A score from scratch; contributions are in the scorecard's order, base first, clamp last."""

    score: int
    tier: str
    perks: tuple[str, ...]
    contributions: dict[str, int]


# ---- the score from a ledger


def recount(
    citizen_id: str, ledger: Ledger, grants: Sequence[Grant], as_of: int, scorecard: Scorecard
) -> Recount:
    """Score a citizen's whole ledger under one scorecard, as of a time in ms."""
    now = _period_number(citizen_id, as_of, scorecard)
    facts = [
        (event.kind, entry.fact.occurred_at, content)
        for event, entry in ledger.items()
        if entry.fact is not None and (content := standing(entry)) is not None
    ]
    covered = [
        (kind, now - _period_number(citizen_id, time, scorecard), content)
        for kind, time, content in facts
        if any(
            g.scorecard == scorecard.id and kind in g.kinds and time >= g.covers_from
            for g in grants
        )
    ]
    contributions = _contributions(covered, scorecard)
    score = sum(contributions.values())
    earlier = [fact for fact in covered if fact[1] > 0]  # all but those of the current period
    at_start = sum(_contributions(earlier, scorecard).values())
    reached = [t for t in scorecard.tiers if t.start <= max(score, at_start)]
    perks = tuple(p.id for p in scorecard.perks if p.tier in {t.id for t in reached})
    return Recount(score, reached[-1].id, perks, contributions)


def _contributions(
    facts: list[tuple[str, int, dict[str, Any]]], scorecard: Scorecard
) -> dict[str, int]:
    """Give the parts of the score that facts make: each is a kind, an age in periods, a content."""
    parts = {"base": scorecard.start}
    for characteristic in scorecard.characteristics:
        total = Fraction(0)
        for kind, age, content in facts:
            if kind == characteristic.reads:
                amount = _amount(characteristic, content, scorecard.currency)
                if amount:
                    total += amount * _share(characteristic, age)
        parts[characteristic.id] = floor(_on_table(characteristic.points, total))
    unclamped = sum(parts.values())
    parts["clamp"] = min(scorecard.high, max(scorecard.low, unclamped)) - unclamped
    return parts


def _period_number(citizen_id: str, time: int, scorecard: Scorecard) -> int:
    shift = int.from_bytes(sha256(citizen_id.encode("utf-8")).digest()[:8], "big")
    return floor(Fraction(time - shift % scorecard.period_ms, scorecard.period_ms))


def _share(characteristic: Characteristic, age: int) -> Fraction:
    """Give the share of an entry that still counts at an age in periods, from 0 to 1."""
    if age < 0 or age >= characteristic.window:
        return Fraction(0)
    if characteristic.ageing == "flat":
        return Fraction(1)
    return Fraction(characteristic.window - age, characteristic.window)


def _amount(characteristic: Characteristic, content: dict[str, Any], currency: str) -> int:
    paid_on, due_on = content.get("paid_on"), content.get("due_on")
    missed = paid_on is None
    late = 0 if missed or due_on is None else max(0, paid_on - due_on)
    values = {**content, "outcome": "missed" if missed else "late" if late else "on_time"}
    for condition in characteristic.where:
        if condition.negated and values.get(condition.field) in condition.values:
            return 0
        if not condition.negated and values.get(condition.field) not in condition.values:
            return 0
    amounts = {
        "count": 1,
        "amount": content.get("amount_minor", 0) if content.get("currency") == currency else 0,
        "quantity": content.get("quantity", 1),
        "days_late": late,
        "missed": int(missed),
    }
    return min(int(amounts[characteristic.measure]), characteristic.max_per_event)


def _on_table(points: tuple[tuple[int, int], ...], total: Fraction) -> Fraction:
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= total <= x1:
            return y0 + (total - x0) * Fraction(y1 - y0, x1 - x0)
    return Fraction(points[-1][1])


# ---- the ledger from records


def gather(parts: Iterable[tuple[EventRef, Entry]]) -> dict[EventRef, Entry]:
    """Build a ledger from all records at once, each as an entry of one part: by sorting them."""
    by_event: dict[EventRef, list[Entry]] = {}
    for event, part in parts:
        by_event.setdefault(event, []).append(part)
    return {event: _collect(found) for event, found in by_event.items()}


def _collect(found: list[Entry]) -> Entry:
    facts = sorted(
        (part.fact for part in found if part.fact),
        key=lambda fact: (-fact.occurred_at, fact.content),
    )
    steps = sorted(
        ((key, step) for part in found for key, step in part.disputes.items()),
        key=lambda keyed: keyed[0],
    )
    corrections = sorted(
        ((named, c) for part in found for named, c in part.corrections.items()),
        key=lambda keyed: keyed,
    )
    winner: Fact | None = facts[0] if facts else None
    return Entry(
        winner,
        {
            key: _steps([step for _, step in same])
            for key, same in groupby(steps, key=lambda keyed: keyed[0])
        },
        _last_of_each(corrections),
    )


def _steps(steps: list[Dispute]) -> Dispute:
    opened = sorted((s.opened_at, s.statement) for s in steps if s.opened_at is not None)
    withdrawn = sorted(s.withdrawn_at for s in steps if s.withdrawn_at is not None)
    decided = sorted((s.decided_at, not s.upheld) for s in steps if s.decided_at is not None)
    return Dispute(
        opened[0][0] if opened else None,
        opened[0][1] if opened and not withdrawn and not decided else "",
        withdrawn[0] if withdrawn else None,
        decided[0][0] if decided else None,
        bool(decided) and not decided[0][1],
    )


def _last_of_each(corrections: list[tuple[int, Correction]]) -> dict[int, Correction]:
    return dict(corrections)  # sorted: the greatest of each named time is written last
