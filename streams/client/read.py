"""Reads what is stored of one citizen from the compacted topics; no worker needs to run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Message

from streams import codec
from streams.client.change import Change, Score
from streams.client.connection import Connection, decoded
from streams.client.published import PublishedScorecard, published_by
from streams.client.shape import key_of
from streams.errors import BadUsage
from streams.scoring.citizen import Citizen
from streams.scoring.recount import EventRef, Ledger
from streams.state import PARTITION_KEY, read_citizen, read_entry, read_partition
from streams.topics import full_name, partition_of

_SETTINGS = {
    "group.id": "plainscore-reader",  # demanded by librdkafka; never joined
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 20,  # how long the broker keeps silent at a partition's end
}
_AGAIN = 5  # times that a citizen is read again because it changed meanwhile


@dataclass(frozen=True)
class Stored:
    """All that is stored of a citizen: state, the ledger of the present life, latest scores."""

    citizen: Citizen
    ledger: Ledger
    scores: tuple[Score, ...]


class Reader:
    """Reads committed records up to the end that each partition has when it is asked.

    Only the citizen's own partition is read. Every method raises Unreachable if the broker falls
    silent for about 10 s, BadUsage if a topic does not exist or after close, and BadData for an id
    that nobody can have. Not for use by several threads at once.
    """

    def __init__(
        self, brokers: str, *, prefix: str = "", kafka: Mapping[str, str] | None = None
    ) -> None:
        """Connect. `kafka`: extra settings of librdkafka. Raises Unreachable."""
        self._connection = Connection(brokers, kafka)
        self._prefix = prefix
        self._consumer = self._connection.open(Consumer, _SETTINGS)
        self._partitions = self._connection.topics(self._consumer)
        self._closed = False
        self._published: dict[tuple[str, int], PublishedScorecard] = {}
        self._published_end = -1

    def citizen_state(self, citizen_id: str) -> Citizen | None:
        """Give a citizen's state as of now in its partition; None: no consent, nothing stored."""
        key = key_of(citizen_id)
        rows = self._latest("citizens-changelog", citizen_id, (key, PARTITION_KEY))
        if key not in rows:
            return None
        citizen = read_citizen(citizen_id, rows[key])
        tick = read_partition(rows.get(PARTITION_KEY)).tick
        if tick is not None:  # whom it left as they were has no row written for it
            citizen.as_of = max(citizen.as_of, tick)
        return citizen

    def citizen_scores(self, citizen_id: str) -> list[Score]:
        """Give a citizen's latest scores, by scorecard."""
        found = self._latest("scores", citizen_id, codec.pack(key_of(citizen_id)))
        return [Score.of(codec.decode("scores", found[key])) for key in sorted(found)]

    def citizen_ledger(self, citizen_id: str) -> Ledger:
        """Give the ledger of a citizen's present life; no consent: an empty one."""
        stored = self.citizen(citizen_id)
        return stored.ledger if stored else {}

    def citizen(self, citizen_id: str) -> Stored | None:
        """Give state, ledger and scores that belong together; None: no consent, nothing stored.

        The topics are read one after the other, and again while the state changes in between.
        """
        now = self.citizen_state(citizen_id)
        for _ in range(_AGAIN):
            if now is None:
                return None
            ledger = self._ledger(citizen_id, now.since)
            scores = tuple(self.citizen_scores(citizen_id))
            citizen, now = now, self.citizen_state(citizen_id)
            if now == citizen:
                break
        return Stored(citizen, ledger, scores)

    def citizen_changes(self, citizen_id: str) -> list[Change]:
        """Give a citizen's changes that the topic score-changes still holds, oldest first."""
        key = key_of(citizen_id)
        mine = (m for m in self._partition_of("score-changes", citizen_id) if m.key() == key)
        read = (decoded("score-changes", message) for message in mine)
        return [Change.of(values) for values in read if values is not None]

    def published_scorecards(self) -> list[PublishedScorecard]:
        """Give every published scorecard, by id and version."""
        self._go_on()
        topic = full_name("scorecards", self._prefix)
        end = self._connection.ends(self._consumer, topic, 0)[1]
        if end != self._published_end:
            for message in self._connection.read(self._consumer, topic, 0):
                if message.value() is None:
                    continue
                values = decoded("scorecards", message)
                if values is not None and (one := published_by(values)) is not None:
                    self._published.setdefault((one.id, one.version), one)  # the first stands
            self._published_end = end
        return [self._published[named] for named in sorted(self._published)]

    def close(self) -> None:
        """Leave nothing running; what is asked for after that is refused."""
        self._closed = True
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def _ledger(self, citizen_id: str, since: int) -> Ledger:
        found = self._latest("ledger-changelog", citizen_id, codec.pack(citizen_id, since))
        return {
            EventRef(*(part.decode() for part in codec.unpack(key)[2:])): read_entry(found[key])
            for key in sorted(found)
        }

    def _latest(
        self, topic: str, citizen_id: str, start: bytes | tuple[bytes, ...]
    ) -> dict[bytes, bytes]:
        """Give the last value of every key that begins so; a tombstone ends one."""
        found: dict[bytes, bytes] = {}
        for message in self._partition_of(topic, citizen_id):
            key = message.key()
            if key is None or not key.startswith(start):
                continue
            if (value := message.value()) is None:
                found.pop(key, None)
            else:
                found[key] = value
        return found

    def _go_on(self) -> None:
        """Raise for what would come after the end."""
        if self._closed:
            raise BadUsage("This Reader is closed", next_step="Open a new one.")

    def _partition_of(self, topic: str, citizen_id: str) -> Iterator[Message]:
        self._go_on()
        name = full_name(topic, self._prefix)
        if name not in self._partitions:
            self._partitions = self._connection.topics(self._consumer)
        if name not in self._partitions:
            raise self._connection.missing(name)
        partition = partition_of(citizen_id, self._partitions[name])
        return self._connection.read(self._consumer, name, partition)
