"""A batch on its way: the citizens and entries that it touches, and what it came to."""

from collections.abc import Collection
from dataclasses import dataclass

from streams.effects import Effects, Out
from streams.given import Given
from streams.kinds import kinds
from streams.outcome import Outcome, add
from streams.record import Record
from streams.scoring.apply import read_again
from streams.scoring.citizen import Cause, Citizen, Scorecards
from streams.state import PARTITION_KEY, read_citizen, read_partition
from streams.views import CitizensView, View

# Work that reads more than its record's entry is done in pieces, so that no transaction grows with
# the number of citizens or the length of a ledger.
ROWS_A_BATCH = 5_000  # ledger entries read for such work


@dataclass(frozen=True)
class Options:
    """What an operator has set up; it must be the same on every worker."""

    partitions: int
    horizon: int  # ms
    audiences: Collection[str] = ()
    max_record_bytes: int = 65_536


class Batch:
    """What the chapters of `process` have in common."""

    def __init__(
        self,
        partition: int,
        citizens: CitizensView,
        ledger: View,
        scorecards: Scorecards,
        out: Out,
        options: Options,
        known: dict[str, Citizen | None],
    ) -> None:
        self.number = partition
        self.citizens = citizens
        self.ledger = ledger
        self.scorecards = scorecards
        self.out = out
        self.options = options
        self.outcome = Outcome()
        self.effects = Effects(out, self.outcome)
        self.scored: dict[str, int] = {}  # records that are just that, by topic
        self.known = known
        # Whose rows are written at the end: `work` adds all whose time moves, `erase` takes out.
        self.touched: dict[str, Citizen] = {}
        # The chunk's entries, loaded and kept up to date by `entries`; `work` takes parts out.
        self.entries: dict[bytes, bytes | None] = {}
        self.stored_partition = citizens.get(PARTITION_KEY)
        self.partition = read_partition(self.stored_partition)
        self.rows_left = ROWS_A_BATCH
        self.kinds = kinds()

    def load_citizens(self, given: list[Given]) -> None:
        """Load whom records name, in bulk."""
        names = list({name for each in given for name in each.names if name not in self.known})
        keys = [name.encode() for name in names]
        for name, value in zip(names, self.citizens.get_many(keys), strict=True):
            self.known[name] = None if value is None else self.read_citizen(name, value)

    def find(self, name: str) -> Citizen | None:
        """Give a citizen with a consent on record."""
        if name not in self.known:
            value = self.citizens.get(name.encode())
            self.known[name] = None if value is None else self.read_citizen(name, value)
        return self.known[name]

    def read_citizen(self, name: str, value: bytes) -> Citizen:
        """Read a citizen's row, with what is worked out from it."""
        citizen = read_citizen(name, value)
        read_again(citizen, self.scorecards)
        return citizen

    def count(self, record: Record, outcome: str, reason: str = "") -> None:
        """Count a record as what it was."""
        if outcome == "scored" and not reason:  # nearly every record
            add(self.scored, record.topic, 1)
        else:
            add(self.outcome.counts, (record.topic, outcome, reason), 1)


def cause_of(record: Record) -> Cause:
    """Give a record, known by its place, as the cause of a change."""
    return Cause(record.topic, f"{record.topic}-{record.partition}-{record.offset}")


def has(record: Record, header: str) -> bool:
    """Say whether a record has a header."""
    return any(name == header for name, _ in record.headers)
