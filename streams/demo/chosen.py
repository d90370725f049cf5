"""Chooses whom the demo tells about, and what that citizen disputes."""

from collections.abc import Iterable
from typing import NamedTuple

from streams.demo.recounted import Life, Standing, recounted
from streams.scoring import ledger
from streams.scoring.recount import EventRef, gather, recount
from streams.scoring.scorecard import Scorecard

LOOKED_AT = 200  # citizens


class Disputed(NamedTuple):
    """An event of a citizen, and what a dispute of it makes of the score."""

    about: EventRef
    occurred_at: int  # ms
    then: Standing


def citizen(lives: Iterable[Life], scorecard: Scorecard) -> Life:
    """Choose, among those with fines if there are some, whose score has the most parts."""
    everyone = sorted(lives, key=lambda life: life.citizen)
    fined = [life for life in everyone if any(event.kind == "fines" for event, _ in life.parts)]

    def parts(life: Life) -> int:
        told = recount(life.citizen, gather(life.parts), life.grants, life.as_of, scorecard)
        return sum(points != 0 for points in told.contributions.values())

    return max((fined or everyone)[:LOOKED_AT], key=parts)


def dispute(life: Life, scorecard: Scorecard) -> Disputed:
    """Choose the event whose dispute does the most for the score."""
    found = []
    for event, entry in life.parts:
        assert entry.fact
        time = entry.fact.occurred_at
        step = ledger.dispute("a dispute", time, time, "open", "")
        disputed = life._replace(parts=[*life.parts, (event, step)])
        found.append(Disputed(event, time, recounted(disputed, scorecard)))
    return max(found, key=lambda each: each.then.score)
