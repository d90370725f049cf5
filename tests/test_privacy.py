"""Who never consented leaves no trace in what plainscore keeps, writes or says.

A stranger and a neighbour send the same records, good and bad; only the neighbour has consented.
The same search must find the neighbour wherever it can be found, and the stranger nowhere.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from streams.dead_letters import BARE
from streams.embedded import Broker
from streams.marks import MOVED
from streams.scoring.ledger import DAY
from streams.tables.partition import FAMILIES, PartitionStore, partition_folder
from streams.topics import INPUTS
from tests.lane_world import (
    CHANGELOGS,
    OUTPUTS,
    PARTITIONS,
    Sent,
    Worker,
    World,
)

pytestmark = pytest.mark.kafka

# Alike from no byte on, so that neither is found in the other, nor shortened to it in a block.
STRANGER = "xq7-stranger-3f9c21d08b"
NEIGHBOUR = "jw4-neighbour-e58a70b6c1"
EVENTS = 100


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path, group=prefix + "group") as world:
        yield world


# ---- what is sent


@dataclass
class Citizen:
    """One person, and all that is published about it."""

    name: str
    now: int

    def consent(self) -> Sent:
        grants = [
            {"scorecard": scorecard, "kinds": kinds, "covers_from": self.now - 300 * DAY}
            for scorecard, kinds in (("everyday", ["purchases", "payments"]), ("rider", ["fines"]))
        ]
        return self._sent("consents", grants=grants)

    def share(self, audience: str = "bikes") -> Sent:
        until = self.now + 30 * DAY
        share = {"audience": audience, "reveals": ["tier", "score"], "until": until}
        return self._sent("shares", shares=[share])

    def events(self) -> list[Sent]:
        """Purchases and fines, over the last days."""
        fines = (self._fine(f"f{n}", self.now - n * DAY // 4) for n in range(EVENTS // 2))
        bought = (self._purchase(f"p{n}", self.now - n * DAY // 4) for n in range(EVENTS // 2))
        return [*fines, *bought]

    def happenings(self) -> list[Sent]:
        """Disputes and a correction of the events, and records that come twice or misplaced."""
        about = {"kind": "fines", "source": "city", "event_id": "f1"}
        about["occurred_at"] = self.now - DAY // 4
        dispute = {"dispute_id": "d1", "about": about, "action": "open", "statement": "Not me."}
        nothing = dict.fromkeys(("obligation", "due_on", "paid_on", "category", "quantity"))
        nothing |= dict.fromkeys(("offence", "severity", "currency"))
        replaced = {"action": "replace", "source": "city", "amount_minor": 77}
        late = self._fine("late", self.now - DAY)
        return [
            self._sent("disputes", **dispute),
            self._sent("disputes", **{**dispute, "action": "withdraw", "statement": ""}),
            self._sent("corrections", correction_id="c1", about=about, **nothing, **replaced),
            self._fine("f2", self.now - DAY // 2, amount_minor=1),  # conflicts
            late._replace(partition=_elsewhere(late)),
            self._purchase("keyless", self.now - DAY)._replace(key=None),
        ]

    def bad(self, other: str) -> list[Sent]:
        """Records that are refused, each for a reason of its own; some name another as well."""
        fine, negative = self._fine("x", self.now), self._fine("n", self.now, amount_minor=-1)
        ahead = [{"scorecard": "rider", "kinds": ["fines"], "covers_from": self.now + 9 * DAY}]
        about = {"kind": "gifts", "source": "city", "event_id": "f1", "occurred_at": self.now}
        moved = fine._replace(partition=_elsewhere(fine), headers=((MOVED, b"1"),))
        return [
            negative,
            negative._replace(partition=_elsewhere(negative)),
            negative._replace(key=None),
            fine._replace(value=b"not Avro, of " + self.name.encode()),
            fine._replace(value=None),
            fine._replace(value=(fine.value or b"") + bytes(100_000)),
            fine._replace(key=other.encode()),
            Sent.of("fines", self._values("fines", other))._replace(key=self.name.encode()),
            moved,
            self._purchase("y", self.now, source=""),
            self._sent("disputes", dispute_id="d2", about=about, action="open", statement=""),
            self._sent("consents", grants=ahead),
            self.share("a-bank-that-is-none"),
        ]

    def _values(self, topic: str, name: str) -> dict[str, Any]:
        fine = {"offence": "speeding", "severity": "minor", "amount_minor": 5_000}
        event = {"citizen_id": name, "event_id": "z", "occurred_at": self.now, "currency": "USD"}
        return {**event, "source": "city", **fine}

    def _fine(self, event_id: str, at: int, **changes: Any) -> Sent:
        values = self._values("fines", self.name)
        return Sent.of("fines", {**values, "event_id": event_id, "occurred_at": at, **changes})

    def _purchase(self, event_id: str, at: int, **changes: Any) -> Sent:
        values = {
            "event_id": event_id,
            "citizen_id": self.name,
            "occurred_at": at,
            "source": "shop",
            "category": "music",
            "amount_minor": 400,
            "currency": "USD",
            "quantity": 1,
        }
        return Sent.of("purchases", {**values, **changes})

    def _sent(self, topic: str, **values: Any) -> Sent:
        return Sent.of(topic, {"citizen_id": self.name, "occurred_at": self.now, **values})


def _elsewhere(record: Sent) -> int:
    return (record.partition + 1) % PARTITIONS


# ---- where it is looked for


def written(world: World, topics: Iterable[str]) -> dict[str, bytes]:
    """All bytes of topics, by topic: keys, values and headers, of aborted transactions too."""
    settings = {
        "bootstrap.servers": world.brokers,
        "group.id": "searcher",  # librdkafka wants one; nobody joins it
        "isolation.level": "read_uncommitted",
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }
    found = {topic: bytearray() for topic in topics}
    consumer = Consumer(settings)
    places = [TopicPartition(world.prefix + t, p, 0) for t in found for p in range(PARTITIONS)]
    consumer.assign(places)
    ends, until = 0, time.monotonic() + 60
    while ends < len(places):
        assert time.monotonic() < until, "the ends were not reached"
        for message in consumer.consume(10_000, 0.05):
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ends += 1
                continue
            headers = message.headers() or []
            parts = [message.key(), message.value(), *(part for _, part in headers)]
            topic = (message.topic() or "").removeprefix(world.prefix)
            found[topic] += b"\n".join(part or b"" for part in parts) + b"\n"
    consumer.close()
    return {topic: bytes(data) for topic, data in found.items()}


def rows(world: World, worker: Worker) -> bytes:
    """Every row of a stopped worker: what RocksDB's files hold compressed."""
    found = []
    for number in range(PARTITIONS):
        folder = partition_folder(worker.state / (world.prefix + world.group), number)
        store = PartitionStore.open(folder)
        found += [part for family in FAMILIES for row in store.rows(family) for part in row]
        store.close()
    return b"\n".join(found)


def files(folder: Path) -> bytes:
    """Every file of a folder as it is, and every name."""
    return b"\n".join(
        str(path).encode() + b"\n" + (path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    )


def where(name: str, searched: dict[str, bytes]) -> set[str]:
    """Where a name is found."""
    return {place for place, data in searched.items() if name.encode() in data}


def test_who_never_consented_leaves_no_trace(world: World) -> None:
    now = int(time.time() * 1000)
    stranger, neighbour = Citizen(STRANGER, now), Citizen(NEIGHBOUR, now)
    world.send([neighbour.consent(), neighbour.share()])
    world.send([stranger.share()])
    worker = world.worker(LOG_LEVEL="debug").wait_ready()
    of_stranger = stranger.events() + stranger.happenings() + stranger.bad(NEIGHBOUR)
    world.send(neighbour.events() + of_stranger)
    world.send(neighbour.happenings() + neighbour.bad(STRANGER))
    seen = world.wait_done()
    served = urlopen(worker.events("metrics_served")[0]["url"] + "/metrics", timeout=10).read()
    dropped = worker.count("plainscore_events_total", outcome="dropped", reason="no_consent")
    worker.stop()

    searched = {
        **written(world, (*INPUTS, *OUTPUTS, *CHANGELOGS)),
        "rows": rows(world, worker),
        "files": files(worker.state),
        "log": worker.said().encode(),
        "metrics": served,
    }
    kept = {"scores", "score-changes", "score-changes.bikes", "dead-letters", *CHANGELOGS}
    assert where(NEIGHBOUR, searched) >= kept | {"rows", "files", "consents", "shares", "fines"}
    assert where(NEIGHBOUR, searched).isdisjoint({"log", "metrics", "receipts"})
    assert where(STRANGER, searched) <= set(INPUTS)
    # Each of the stranger's records was looked at and dropped, and so were the neighbour's two that
    # name the stranger. Of one that was moved to where it does not belong, the place is told.
    letters = seen["dead-letters"]
    bare = [each for each in letters if BARE in dict(each.headers)]
    assert dropped == 1 + len(of_stranger) + 2 - 1
    assert len(bare) == 2  # the stranger's, and the neighbour's like it
    assert len(letters) == len(neighbour.bad(STRANGER)) - 2 + 1 + 1  # with a conflict and a `bare`
