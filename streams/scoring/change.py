"""What goes out when a score moves: changes, what audiences see of them, and scores that end."""

from dataclasses import dataclass
from typing import NamedTuple

from streams.scoring.citizen import Account, AccountKey, Cause, Citizen, Share
from streams.scoring.score import Reading, contributions, reasons, total
from streams.scoring.scorecard import Scorecard


@dataclass(slots=True, init=False)
class Change:
    """A score before and after, with the points that made it and the reasons that say most."""

    account: AccountKey
    version: int
    sequence: int
    as_of: int
    previous_score: int | None
    score: int
    previous_tier: str | None
    tier: str
    perks: tuple[str, ...]
    cause: Cause
    contributions: list[tuple[str, int, int]]  # characteristic, previous points, points
    reasons: list[str]

    # Written out, as one is made for every event: what dataclass makes is not compiled.
    def __init__(
        self,
        account: AccountKey,
        version: int,
        sequence: int,
        as_of: int,
        previous_score: int | None,
        score: int,
        previous_tier: str | None,
        tier: str,
        perks: tuple[str, ...],
        cause: Cause,
        contributions: list[tuple[str, int, int]],
        reasons: list[str],
    ) -> None:
        self.account = account
        self.version = version
        self.sequence = sequence
        self.as_of = as_of
        self.previous_score = previous_score
        self.score = score
        self.previous_tier = previous_tier
        self.tier = tier
        self.perks = perks
        self.cause = cause
        self.contributions = contributions
        self.reasons = reasons


class Disclosure(NamedTuple):
    """What one audience sees of one scorecard's result: what the share reveals, nothing else."""

    audience: str
    scorecard: str
    tier: str | None
    score: int | None
    ended: bool


class Closed(NamedTuple):
    """A scorecard no longer scores this citizen; its latest score is erased downstream."""

    scorecard: str
    tier: str  # the last one


Effect = Change | Disclosure | Closed


def change(
    citizen: Citizen,
    account: Account,
    reading: Reading,
    scorecard: Scorecard,
    previous: Scorecard | None,
    cause: Cause,
) -> Change | None:
    """Publish a reading into its account; None where nothing that is published differs.

    `previous` is the scorecard's version that made the points the account holds; None: no points.
    """
    first = previous is None
    if previous is scorecard and account.points == reading.points and account.tier == reading.tier:
        return None
    if previous is scorecard:
        parts = _moved(scorecard, account, reading)
        told = reasons(scorecard.names, account.points, reading.points)
    else:
        before = {} if previous is None else contributions(previous, account.points)
        now = contributions(scorecard, reading.points)
        # clamp stands last; what only the previous version had comes before it
        names = [n for n in now if n != "clamp"] + [n for n in before if n not in now] + ["clamp"]
        parts = [(name, before.get(name, 0), now.get(name, 0)) for name in names]
        of_each = parts[1:-1]
        told = reasons(names[1:-1], [b for _, b, _ in of_each], [n for _, _, n in of_each])
    account.sequence += 1
    made = Change(
        account.key,
        scorecard.version,
        account.sequence,
        citizen.as_of,
        None if first else account.score,
        reading.score,
        None if first else account.tier,
        reading.tier,
        scorecard.perks_of(reading.tier),
        cause,
        parts,
        told,
    )
    account.version = scorecard.version
    account.points = reading.points
    account.score, account.tier = reading.score, reading.tier
    return made


def _moved(scorecard: Scorecard, account: Account, reading: Reading) -> list[tuple[str, int, int]]:
    """Give the contributions before and now where both are of one version."""
    start, before, now = scorecard.start, account.points, reading.points
    parts = [("base", start, start)]
    for place, nothing in enumerate(scorecard.nothing):
        if before[place] or now[place]:
            parts.append((nothing[0], before[place], now[place]))
        else:
            parts.append(nothing)
    parts.append(
        ("clamp", account.score - start - total(before), reading.score - start - total(now))
    )
    return parts


def disclosures(citizen: Citizen, made: Change) -> list[Disclosure]:
    """Give what the citizen's audiences see of a change."""
    seen = []
    for share in citizen.shares:
        tier = "tier" in share.reveals and made.tier != made.previous_tier
        score = "score" in share.reveals and made.score != made.previous_score
        if tier or score:
            seen.append(disclose(share, made.account.scorecard, made.tier, made.score))
    return seen


def disclose(share: Share, scorecard: str, tier: str, score: int) -> Disclosure:
    """Give what a share reveals of a result."""
    return Disclosure(
        share.audience,
        scorecard,
        tier if "tier" in share.reveals else None,
        score if "score" in share.reveals else None,
        False,
    )


def ended(share: Share, scorecard: str) -> Disclosure:
    """Give the last record that an audience gets of a scorecard's result."""
    return Disclosure(share.audience, scorecard, None, None, True)
