"""Tables, output and a log in memory: what `process` is given where no broker is wanted."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from streams.codec import decode, encode, unpack
from streams.outcome import Outcome
from streams.process.batch import Options
from streams.process.process import process
from streams.published import Published
from streams.record import Record
from streams.scorecards import read
from streams.scoring.apply import read_again
from streams.scoring.citizen import Citizen
from streams.scoring.ledger import DAY, Entry
from streams.scoring.recount import EventRef
from streams.state import read_citizen, read_entry, standing_of
from streams.topics import INPUTS, partition_of

SCORECARDS = Path(__file__).parents[1] / "schemas" / "scorecards"
HORIZON = 750 * DAY
NOW = 1_767_225_600_000  # 2026-01-01, Kafka's time of every record unless a test says another


class View:
    """A table of one partition as a plain dict."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.index: list[tuple[int, bytes]] = []

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.rows.get(key) for key in keys]

    def put(self, key: bytes, value: bytes) -> None:
        self.rows[key] = value

    def delete(self, key: bytes) -> None:
        self.rows.pop(key, None)

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        found = sorted(k for k in self.rows if k.startswith(prefix) and (not after or k > after))
        return [(key, self.rows[key]) for key in found[:limit]]

    def due(self, until: int, limit: int) -> list[tuple[int, bytes]]:
        return [each for each in self.index if each[0] <= until][:limit]

    def set_due(self, key: bytes, old: int | None, new: int | None) -> None:
        if old is not None and (old, key) in self.index:
            self.index.remove((old, key))
        if new is not None:
            insort(self.index, (new, key))

    def copied(self) -> "View":
        again = View()
        again.rows = dict(self.rows)
        return again

    def restored(self) -> "View":
        """Give the table as it comes back from its changelog: the index is made anew."""
        again = self.copied()
        again.index = sorted(
            (due, key)
            for key, value in self.rows.items()
            if (due := standing_of(key, value).due) is not None
        )
        return again


class Lane:
    """All partitions in memory. Records that the output brings back to an input are read too."""

    def __init__(
        self,
        published: Published,
        partitions: int = 1,
        audiences: Iterable[str] = ("bikes", "bank"),
    ) -> None:
        self.published = published
        self.options = Options(partitions, HORIZON, frozenset(audiences))
        self.citizens = [View() for _ in range(partitions)]
        self.ledger = [View() for _ in range(partitions)]
        self.known: list[dict[str, Any]] = [{} for _ in range(partitions)]
        self.left: list[list[Record]] = [[] for _ in range(partitions)]
        self.out: list[Record] = []  # all that was ever produced
        self.offsets: Counter[tuple[str, int]] = Counter()
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.outcome = Outcome()
        self._back: list[Record] = []
        self.oldest = 0  # the Kafka time from which on records are taken

    def record(
        self,
        topic: str,
        values: Mapping[str, Any] | None,
        *,
        key: bytes | None = None,
        timestamp: int = NOW,
        headers: Iterable[tuple[str, bytes | None]] = (),
        value: bytes | None = None,
        partition: int | None = None,
    ) -> Record:
        """Make the record that a right producer would send; bytes given stand in their place."""
        if values is not None:
            value = encode(topic, values) if value is None else value
            key = values["citizen_id"].encode() if key is None and topic != "ticks" else key
        if partition is None:
            name = (key or b"").decode("utf-8", "replace")
            partition = partition_of(name, self.options.partitions) if name else 0
        self.offsets[topic, partition] += 1
        offset = self.offsets[topic, partition] - 1
        return Record(topic, partition, offset, timestamp, key, value, tuple(headers))

    def run(self, records: Iterable[Record], until_done: bool = True) -> None:
        """Process one batch; go on while work is pending or records come back to an input."""
        records = list(records)
        while True:
            pending = False
            for partition in range(self.options.partitions):
                mine = [record for record in records if record.partition == partition]
                if mine or not records:
                    pending |= self._process(partition, mine)
            records, self._back = self._back, []
            if not records and not (pending and until_done):
                return

    def restart(self) -> None:
        """Come back from the changelogs."""
        self.citizens = [view.restored() for view in self.citizens]
        self.ledger = [view.copied() for view in self.ledger]
        self.known = [{} for _ in self.citizens]

    def _process(self, partition: int, records: list[Record]) -> bool:
        out = _Out(self, partition)
        self.outcome = process(
            partition,
            self.left[partition] + records,
            self.citizens[partition],
            self.ledger[partition],
            self.published,
            out,
            self.options,
            self.known[partition],
        )
        self.counts.update(self.outcome.counts)
        self.left[partition] = self.outcome.left
        return self.outcome.pending

    # ---- what stands now

    def citizen(self, citizen_id: str) -> Citizen | None:
        partition = partition_of(citizen_id, self.options.partitions)
        value = self.citizens[partition].get(citizen_id.encode())
        if value is None:
            return None
        citizen = read_citizen(citizen_id, value)
        read_again(citizen, self.published)
        return citizen

    def ledger_of(self, citizen_id: str) -> dict[EventRef, Entry]:
        found = {}
        for view in self.ledger:
            for key, value in view.rows.items():
                owner, _, kind, source, event_id = unpack(key)
                if owner.decode() == citizen_id:
                    found[EventRef(kind.decode(), source.decode(), event_id.decode())] = read_entry(
                        value
                    )
        return found

    def values(self, topic: str) -> list[dict[str, Any]]:
        """Give every value ever produced to a topic, decoded."""
        return [
            decode(topic, r.value) for r in self.out if r.topic == topic and r.value is not None
        ]


class _Out:
    def __init__(self, lane: Lane, partition: int) -> None:
        self.lane = lane
        self.partition = partition

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Any = (),
        timestamp: int | None = None,
    ) -> None:
        partition = self.partition if partition is None else partition
        offset = self.lane.offsets[topic, partition]
        self.lane.offsets[topic, partition] += 1
        made = Record(
            topic,
            partition,
            offset,
            NOW if timestamp is None else timestamp,
            key,
            value,
            tuple(headers),
        )
        self.lane.out.append(made)
        if topic in INPUTS:
            self.lane._back.append(made)

    def takes(self, topic: str, timestamp: int) -> bool:
        return timestamp >= self.lane.oldest


def published(*names: str) -> Published:
    """Hold example scorecards, by their file's name."""
    held = Published()
    for name in names or ("everyday", "rider"):
        held.add(read((SCORECARDS / f"{name}.yaml").read_text()))
    return held
