"""Explain: how a score came to be, in words for the person who is scored; and what if.

The words come from the published page; the numbers from the ledger, read once more.
"""

from collections.abc import Iterable
from typing import NamedTuple

from streams.scoring.citizen import Citizen, covers
from streams.scoring.ledger import Entry, merge, standing
from streams.scoring.recount import EventRef, Ledger, Recount, recount
from streams.scoring.scorecard import Characteristic, Scorecard
from streams.scoring.totals import measured, offset_of, period_of, start_of


class Part(NamedTuple):
    """One characteristic's part in a score."""

    characteristic: str
    points: int
    sentence: str  # the page's own reason, for the person
    events: tuple[EventRef, ...]  # that count in it now


class NextTier(NamedTuple):
    """The tier above, and how many points are missing."""

    tier: str
    points: int


class Explanation(NamedTuple):
    """A score with everything that makes it. Parts add up: base + parts + clamp = score."""

    scorecard: str
    version: int
    as_of: int  # ms
    score: int
    tier: str
    perks: tuple[str, ...]  # the texts of what the person can do or gets
    base: int
    parts: tuple[Part, ...]
    clamp: int
    next_turn: int  # ms: when the citizen's period turns and what is older counts less
    next_tier: NextTier | None
    left_out: tuple[tuple[EventRef, str], ...]  # what is in the ledger and does not count, and why


def explain(citizen: Citizen, ledger: Ledger, as_of: int, scorecard: Scorecard) -> Explanation:
    """Explain a citizen's score under one scorecard, as of a time in ms."""
    result = recount(citizen.id, ledger, citizen.grants, as_of, scorecard)
    offset = offset_of(citizen.id, scorecard.period_ms)
    now = period_of(as_of, offset, scorecard.period_ms)
    parts = tuple(
        Part(
            each.id,
            result.contributions[each.id],
            each.reason,
            tuple(_counting(citizen, ledger, scorecard, each, now, offset)),
        )
        for each in scorecard.characteristics
    )
    texts = {perk.id: perk.text for perk in scorecard.perks}
    return Explanation(
        scorecard.id,
        scorecard.version,
        as_of,
        result.score,
        result.tier,
        tuple(texts[perk] for perk in result.perks),
        result.contributions["base"],
        parts,
        result.contributions["clamp"],
        start_of(now + 1, offset, scorecard.period_ms),
        _next_tier(scorecard, result),
        tuple(_left_out(citizen, ledger, scorecard, now, offset)),
    )


def in_words(explanation: Explanation) -> list[str]:
    """Say it in sentences, the largest parts first."""
    told = explanation
    said = [f"Your score is {told.score}, in the tier {told.tier}. Everyone starts at {told.base}."]
    for part in sorted(told.parts, key=lambda part: -abs(part.points)):
        if part.points:
            more = "added" if part.points > 0 else "took away"
            said.append(f"{part.sentence} This {more} {_points(abs(part.points))}.")
    if told.clamp:
        edge = "highest" if told.clamp < 0 else "lowest"
        said.append(f"{told.score} is the {edge} score there is; the sum would go beyond it.")
    said.extend(told.perks)
    if told.next_tier is not None:
        missing = _points(told.next_tier.points)
        said.append(f"With {missing} more you are in the tier {told.next_tier.tier}.")
    if told.left_out:
        said.append("These events are on record and do not count:")
        said += [
            f"- {ref.kind} {ref.event_id} of {ref.source}: {why}" for ref, why in told.left_out
        ]
    return said


def what_if(
    citizen: Citizen,
    ledger: Ledger,
    events: Iterable[tuple[EventRef, Entry]],
    as_of: int,
    scorecard: Scorecard,
) -> tuple[Recount, Recount]:
    """Give the score as it is, and as it would be with further events. Nothing is kept of them.

    The time of both is the latest of `as_of` and the events' own.
    """
    imagined = dict(ledger)
    for ref, entry in events:
        imagined[ref] = merge(imagined[ref], entry) if ref in imagined else entry
        if entry.fact is not None:
            as_of = max(as_of, entry.fact.occurred_at)
    return (
        recount(citizen.id, ledger, citizen.grants, as_of, scorecard),
        recount(citizen.id, imagined, citizen.grants, as_of, scorecard),
    )


def _counting(
    citizen: Citizen,
    ledger: Ledger,
    scorecard: Scorecard,
    characteristic: Characteristic,
    now: int,
    offset: int,
) -> Iterable[EventRef]:
    for ref, entry in ledger.items():
        content = standing(entry)
        if content is None or entry.fact is None or ref.kind != characteristic.reads:
            continue
        age = now - period_of(entry.fact.occurred_at, offset, scorecard.period_ms)
        if (
            covers(citizen.grants, ref.kind, entry.fact.occurred_at, scorecard.id)
            and characteristic.counts(age)
            and measured(characteristic, content, scorecard.currency)
        ):
            yield ref


def _left_out(
    citizen: Citizen, ledger: Ledger, scorecard: Scorecard, now: int, offset: int
) -> Iterable[tuple[EventRef, str]]:
    for ref, entry in ledger.items():
        reading = scorecard.reading(ref.kind)
        if entry.fact is None or not reading:
            continue
        content = standing(entry)
        age = now - period_of(entry.fact.occurred_at, offset, scorecard.period_ms)
        if content is None:
            disputed = standing(Entry(entry.fact, {}, entry.corrections)) is not None
            yield ref, "it is disputed." if disputed else "its source has taken it back."
        elif not covers(citizen.grants, ref.kind, entry.fact.occurred_at, scorecard.id):
            yield ref, "you have not allowed it for this scorecard."
        elif not any(each.counts(age) for _, each in reading):
            yield ref, "it is too old."
        elif content.get("currency", scorecard.currency) != scorecard.currency:
            yield ref, f"its amount is not in {scorecard.currency}: it counts as an event only."


def _next_tier(scorecard: Scorecard, result: Recount) -> NextTier | None:
    held = next(place for place, tier in enumerate(scorecard.tiers) if tier.id == result.tier)
    if held + 1 == len(scorecard.tiers):
        return None
    above = scorecard.tiers[held + 1]
    return NextTier(above.id, above.start - result.score)


def _points(number: int) -> str:
    return "1 point" if number == 1 else f"{number} points"
