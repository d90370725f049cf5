"""The proof: every score from scratch, out of the records that an outsider saw in the topics."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from streams import scorecards
from streams.codec import decode, unpack
from streams.kinds import kinds
from streams.marks import HEARTBEAT
from streams.published import Published
from streams.record import Record
from streams.scoring import ledger
from streams.scoring.citizen import Grant, covers
from streams.scoring.ledger import Entry
from streams.scoring.recount import EventRef, gather, recount
from streams.scoring.scorecard import Scorecard
from streams.state import read_grants
from streams.topics import KINDS

Records = Mapping[str, Sequence[Record]]
"""What was seen of each topic; in each partition in the order of the log."""


class Key(NamedTuple):
    """Whose score, and under which scorecard."""

    citizen: str
    scorecard: str


class Standing(NamedTuple):
    """A score with what comes with it, and the version that made it."""

    score: int
    tier: str
    perks: tuple[str, ...]
    version: int

    @classmethod
    def of(cls, value: bytes) -> "Standing":
        """Read it off a record of `scores`."""
        told = decode("scores", value)
        return cls(told["score"], told["tier"], tuple(told["perks"]), told["version"])


class Life(NamedTuple):
    """What was seen of a citizen who consents."""

    citizen: str
    grants: tuple[Grant, ...]
    as_of: int  # ms
    parts: list[tuple[EventRef, Entry]]


class Recounted:
    """Everyone who consents, recounted from what was seen."""

    def __init__(self, seen: Records) -> None:
        self.lives: dict[str, Life] = {}  # by citizen
        self.published = Published()
        self.standings: dict[Key, Standing] = {}
        self._seen = seen

    def count(self, on_citizen: Callable[[], None] = lambda: None) -> None:
        """Go through all that was seen, and recount whoever has not the same records as before.

        `on_citizen` is called for each citizen.
        """
        self.published = published(self._seen)
        before, self.lives = self.lives, {life.citizen: life for life in lives(self._seen)}
        for citizen, life in before.items():
            if life != self.lives.get(citizen):
                for grant in life.grants:
                    self.standings.pop(Key(citizen, grant.scorecard), None)
        for citizen, life in self.lives.items():
            on_citizen()
            if life != before.get(citizen):
                self._recount(life)

    def _recount(self, life: Life) -> None:
        for scorecard_id in dict.fromkeys(grant.scorecard for grant in life.grants):
            scorecard = self.published.in_force(scorecard_id, life.as_of)
            if scorecard is not None:
                self.standings[Key(life.citizen, scorecard_id)] = recounted(life, scorecard)


def recounted(life: Life, scorecard: Scorecard) -> Standing:
    """Recount one citizen's score, from scratch."""
    told = recount(life.citizen, gather(life.parts), life.grants, life.as_of, scorecard)
    return Standing(told.score, told.tier, told.perks, scorecard.version)


class Latest:
    """The last record of `scores` for every citizen and scorecard; a tombstone ends one."""

    def __init__(self, seen: Records) -> None:
        self.standings: dict[Key, Standing] = {}
        self._seen = seen["scores"]
        self._read = 0

    def read(self) -> dict[Key, Standing]:
        """Go through what was seen since the last time, and give what stands now."""
        upto = len(self._seen)
        news = {each.key: each.value for each in self._seen[self._read : upto]}
        self._read = upto
        for key, value in news.items():
            if key is None or key == HEARTBEAT:
                continue
            named = Key(*(part.decode() for part in unpack(key)))
            if value is None:
                self.standings.pop(named, None)
            else:
                self.standings[named] = Standing.of(value)
        return self.standings


def differing(a: Mapping[Key, Standing], b: Mapping[Key, Standing]) -> list[Key]:
    """Give whose scores are not the same in both, in order."""
    return sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))


def unsteady(seen: Records) -> list[Key]:
    """Give whose changes were not published as 1, 2, 3, without a gap and without a repeat."""
    steps: dict[tuple[Key, int], list[int]] = defaultdict(list)
    for each in seen["score-changes"]:
        told = decode("score-changes", each.value)
        steps[Key(told["citizen_id"], told["scorecard"]), told["since"]].append(told["sequence"])
    return sorted(key for (key, _), told in steps.items() if told != list(range(1, len(told) + 1)))


def published(seen: Records) -> Published:
    """Hold the scorecards that were published."""
    held = Published()
    for each in seen["scorecards"]:
        if each.value is not None:
            held.add(scorecards.read(decode("scorecards", each.value)["document"]))
    return held


def lives(seen: Records) -> Iterable[Life]:
    """Put together what was seen of each citizen who consents at the end of the log."""
    grants = _grants(seen["consents"])
    parts: dict[str, list[tuple[EventRef, Entry]]] = defaultdict(list)
    tick = max((decode("ticks", each.value)["occurred_at"] for each in seen["ticks"]), default=0)
    as_of = {
        citizen: max(tick, min(grant.covers_from for grant in granted))
        for citizen, granted in grants.items()
    }
    for kind in KINDS:
        for each in seen[kind]:
            told = decode(kind, each.value)
            citizen, time = told["citizen_id"], told["occurred_at"]
            if covers(grants.get(citizen, ()), kind, time):
                event = EventRef(kind, told["source"], told["event_id"])
                content = ledger.content_of(kinds()[kind], told)
                parts[citizen].append((event, ledger.fact(time, content)))
                as_of[citizen] = max(as_of[citizen], time)
    for each in seen["disputes"]:
        told = decode("disputes", each.value)
        about, citizen = told["about"], told["citizen_id"]
        if covers(grants.get(citizen, ()), about["kind"], about["occurred_at"]):
            event = EventRef(about["kind"], about["source"], about["event_id"])
            parts[citizen].append((event, _dispute(told)))
    for citizen, granted in grants.items():
        yield Life(citizen, granted, as_of[citizen], parts[citizen])


def _grants(consents: Iterable[Record]) -> dict[str, tuple[Grant, ...]]:
    """Give the grants in force; a tombstone withdraws."""
    last = {each.key: each.value for each in consents if each.key != HEARTBEAT}
    told = (decode("consents", value) for value in last.values() if value is not None)
    return {each["citizen_id"]: read_grants(each["grants"]) for each in told}


def _dispute(told: Mapping[str, Any]) -> Entry:
    return ledger.dispute(
        told["dispute_id"],
        told["about"]["occurred_at"],
        told["occurred_at"],
        told["action"],
        told["statement"],
    )
