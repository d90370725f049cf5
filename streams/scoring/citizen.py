"""What is kept of one citizen besides the ledger: grants, shares, and an account per scorecard."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.scoring.scorecard import Scorecard
from streams.scoring.totals import Totals


class Grant(NamedTuple):
    """Consent to be scored: by one scorecard, on these kinds of event, from a time (ms) on."""

    scorecard: str
    kinds: tuple[str, ...]
    covers_from: int


class Share(NamedTuple):
    """What one audience may see (tier, score), until a time (ms)."""

    audience: str
    reveals: tuple[str, ...]
    until: int


@dataclass(slots=True, init=False)
class Cause:
    """What made a change: the kind of record or `scorecard`, and its id."""

    kind: str
    id: str

    # Written out, as one is made for every event: what dataclass makes is not compiled.
    def __init__(self, kind: str, id: str) -> None:
        self.kind = kind
        self.id = id


class AccountKey(NamedTuple):
    """A scorecard, and whether it is the version that only runs along in the shadow."""

    scorecard: str
    shadow: bool


@dataclass(slots=True)
class Account:
    """A citizen's totals under one version of a scorecard, and the score last published.

    The points are those totals read in `period`. They need not be stored, nor what comes between
    totals and points: `apply.read_again` works them out.
    """

    key: AccountKey
    version: int
    totals: Totals
    offset: int  # of the citizen's periods, in ms
    period: int = 0  # the citizen's period at which the points were read
    sequence: int = 0  # 0: nothing published yet
    wholes: list[int] = field(default_factory=list)  # what each total comes to in `period`
    points: list[int] = field(default_factory=list)
    start_points: list[int] = field(default_factory=list)
    score: int = 0
    tier: str = ""


@dataclass(slots=True)
class Work:
    """The ledger being read again, piece by piece: a new version, other grants, or old entries.

    Entries up to `cursor` are in the accounts that are being built. Until the last piece the
    published accounts stand as they are.
    """

    cause: Cause
    accounts: list[Account]
    cursor: bytes = b""
    oldest: int | None = None


@dataclass(slots=True)
class Citizen:
    """One citizen from one consent on. `since` is the Kafka timestamp of that consent's record."""

    id: str
    since: int
    as_of: int
    grants: tuple[Grant, ...]
    granted_at: int
    oldest: int | None = None  # no part in the ledger has an earlier event time; None: it is empty
    shares: tuple[Share, ...] = ()
    shared_at: int | None = None
    accounts: dict[AccountKey, Account] = field(default_factory=dict)
    sequences: dict[AccountKey, int] = field(default_factory=dict)  # of accounts that were closed
    due: int | None = None  # when time alone next changes something
    work: Work | None = None
    era: int | None = None  # in which its accounts were last seen to be of the versions in force


class Scorecards(ABC):
    """The published scorecards that a worker holds."""

    @abstractmethod
    def of(self, account: Account) -> Scorecard:
        """Give the version that an account is of; an error if it is not held."""

    @abstractmethod
    def in_force(self, scorecard_id: str, as_of: int, shadow: bool = False) -> Scorecard | None:
        """Give the version in force at a time, or the one in the shadow; None: there is none."""

    @abstractmethod
    def era(self, as_of: int) -> int:
        """Give the era that a time is in: within one, other versions do not come into force."""

    @abstractmethod
    def all_in_force(self, as_of: int) -> tuple[str, ...]:
        """Give id@version of all that are in force or in the shadow at a time, in order."""


def covers(grants: tuple[Grant, ...], kind: str, time: int, scorecard: str | None = None) -> bool:
    """Say whether some grant (for a scorecard, if one is named) covers a kind at an event time."""
    for grant in grants:
        if (
            kind in grant.kinds
            and time >= grant.covers_from
            and (scorecard is None or grant.scorecard == scorecard)
        ):
            return True
    return False
