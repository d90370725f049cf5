"""Which scorecards are published, and the rules by which a further one may be."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from streams import scorecards
from streams.errors import BadData
from streams.scoring.ledger import DAY
from streams.scoring.scorecard import Scorecard

AHEAD = 2 * DAY  # ms; a later version is published so long before it is in force


@dataclass(frozen=True)
class PublishedScorecard:
    """A record of the topic scorecards; effective_from in ms since 1970 UTC."""

    id: str
    version: int
    document: str
    digest: str
    effective_from: int

    def values(self) -> dict[str, Any]:
        """Give the record's values."""
        return asdict(self)


def published_by(values: dict[str, Any]) -> PublishedScorecard | None:
    """Give what a record publishes; None for one that every worker passes over."""
    one = PublishedScorecard(**values)
    page = _read(one.document)
    ours = page is None or (page.id, page.version) == (one.id, one.version)
    return one if ours and scorecards.digest(one.document) == one.digest else None


def grant_problem(
    published: Iterable[PublishedScorecard], scorecard: str, kinds: Sequence[str]
) -> BadData | None:
    """Say why nobody can grant these kinds to this scorecard; None: they can.

    A kind is read if any version reads it that is not a shadow: which one is in force differs
    from citizen to citizen.
    """
    versions = [_read(each.document) for each in published if each.id == scorecard]
    in_force = [version for version in versions if version and not version.shadow]
    if not in_force:
        known = ", ".join(sorted({each.id for each in published})) or "none"
        return BadData(
            f"There is no scorecard {scorecard!r} to grant anything to",
            next_step=f"Published are: {known}.",
        )
    read = {each.reads for version in in_force for each in version.characteristics}
    if unread := [kind for kind in kinds if kind not in read]:
        return BadData(
            f"The scorecard {scorecard} does not read {', '.join(unread)}",
            next_step=f"It reads {', '.join(sorted(read))}.",
        )
    return None


def to_publish(
    published: Iterable[PublishedScorecard], text: str, now: int
) -> PublishedScorecard | None:
    """Make of a scorecard's text what is to be published now (ms); None: it already is.

    Raises BadData for a text that is not valid, and where it breaks a promise: a published version
    never changes, versions rise with effective_from, later ones come two days ahead.
    """
    scorecard = scorecards.read(text)
    digest = scorecards.digest(text)
    named = f"{scorecard.id} version {scorecard.version}"
    others = [each for each in published if each.id == scorecard.id]
    for other in others:
        if other.version == scorecard.version:
            if other.digest == digest:
                return None
            raise BadData(
                f"{named} is published already, with another text, and never changes",
                next_step="Give the new text the next version.",
            )
    if not scorecard.shadow:
        _hold_to_rules(scorecard, others, now)
    return PublishedScorecard(
        scorecard.id, scorecard.version, text, digest, scorecard.effective_from
    )


def _hold_to_rules(new: Scorecard, others: Iterable[PublishedScorecard], now: int) -> None:
    """Compare with the versions that are not shadows: a shadow is never in force."""
    versions = [other for each in others if (other := _read(each.document)) and not other.shadow]
    for other in versions:
        if (new.version - other.version) * (new.effective_from - other.effective_from) < 0:
            raise BadData(
                f"{new.id} version {new.version} would be in force on the wrong side of version"
                f" {other.version}",
                where="effective_from",
                next_step="The later of two versions has the greater number.",
            )
    if versions and new.effective_from < now + AHEAD:
        raise BadData(
            f"{new.id} version {new.version} would be in force in less than two days",
            where="effective_from",
            next_step="Choose a day that leaves every worker two days to read it.",
        )


@lru_cache(256)
def _read(document: str) -> Scorecard | None:
    try:
        return scorecards.read(document)
    except BadData:  # published past us, or by a later version of plainscore
        return None
