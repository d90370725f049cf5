"""Chooses whom the demo tells about, and what that citizen disputes."""

from typing import NamedTuple

from streams.codec import pack
from streams.demo.recounted import Key, Life, Records, Standing, lives, published
from streams.scoring import ledger
from streams.scoring.recount import EventRef, gather, recount

LOOKED_AT = 200  # citizens
SCORECARD = "everyday"


class Disputed(NamedTuple):
    """An event of a citizen, and what a dispute of it makes of the score."""

    about: EventRef
    occurred_at: int  # ms
    then: Standing


def citizen(seen: Records) -> Life:
    """Choose, among those with fines if there are some, whose score has the most parts."""
    held = published(seen)
    everyone = sorted(lives(seen), key=lambda life: life.citizen)
    fined = [life for life in everyone if any(event.kind == "fines" for event, _ in life.parts)]

    def parts(life: Life) -> int:
        scorecard = held.in_force(SCORECARD, life.as_of)
        assert scorecard
        told = recount(life.citizen, gather(life.parts), life.grants, life.as_of, scorecard)
        return sum(points != 0 for points in told.contributions.values())

    return max((fined or everyone)[:LOOKED_AT], key=parts)


def dispute(seen: Records, life: Life) -> Disputed:
    """Choose the event whose dispute does the most for the score."""
    scorecard = published(seen).in_force(SCORECARD, life.as_of)
    assert scorecard
    found = []
    for event, entry in life.parts:
        assert entry.fact
        time = entry.fact.occurred_at
        step = ledger.dispute("a dispute", time, time, "open", "")
        events = gather([*life.parts, (event, step)])
        told = recount(life.citizen, events, life.grants, life.as_of, scorecard)
        then = Standing(told.score, told.tier, told.perks, scorecard.version)
        found.append(Disputed(event, time, then))
    return max(found, key=lambda each: each.then.score)


def standing(seen: Records, key: Key) -> Standing | None:
    """Give the last record of `scores` for one citizen and scorecard."""
    packed = pack(*key)
    for each in reversed(seen["scores"]):
        if each.key == packed:
            return None if each.value is None else Standing.of(each.value)
    return None
