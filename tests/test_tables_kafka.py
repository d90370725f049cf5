"""A partition's folder, brought up to the ends of changelogs in a real Kafka."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.embedded import Broker
from streams.errors import BadData, Unreachable
from streams.marks import HEARTBEAT
from streams.outcome import Outcome
from streams.scoring.citizen import Account, AccountKey, Citizen
from streams.scoring.ledger import DAY
from streams.state import ERASURE, write_citizen
from streams.tables.counted import Counted
from streams.tables.ends import changelog_ends
from streams.tables.overlay import Overlay, due_key
from streams.tables.partition import PartitionStore, partition_folder
from streams.tables.restore import Restored, open_restored
from streams.topics import CHANGELOGS
from streams.transport import lane
from streams.transport.batch import Batch
from streams.transport.part import Held
from tests.lane_world import wait_for

pytestmark = pytest.mark.kafka

PARTITION = 1


class Tidy(Broker):
    """A broker that compacts as soon as it may."""

    def _settings(self, node: int) -> dict[str, Any]:
        return super()._settings(node) | {"log.cleaner.backoff.ms": 100}


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    with Tidy() as broker:
        yield broker.bootstrap


class Changelogs:
    """Changelogs of the test's own, and a folder to restore them to."""

    def __init__(self, brokers: str, state_dir: Path) -> None:
        self.config = {"bootstrap.servers": brokers}
        self.prefix = f"{uuid4().hex[:8]}."
        self.state_dir = state_dir
        self.names = [self.prefix + name for name in CHANGELOGS.values()]
        self.create()

    def create(self, settings: Mapping[str, str] | None = None) -> None:
        admin = AdminClient(self.config)  # its futures end with it
        topics = [NewTopic(name, 2, 1, config=dict(settings or {})) for name in self.names]
        for future in admin.create_topics(topics).values():
            future.result(30)

    def delete(self) -> None:
        admin = AdminClient(self.config)
        for future in admin.delete_topics(self.names, operation_timeout=30).values():
            future.result(30)

    def delete_records(self, table: str, before: int) -> None:
        admin = AdminClient(self.config)
        place = TopicPartition(self.prefix + CHANGELOGS[table], PARTITION, before)
        for future in admin.delete_records([place]).values():
            future.result(30)

    def begin(self) -> Producer:
        producer = Producer({**self.config, "transactional.id": uuid4().hex})
        producer.init_transactions(30)
        producer.begin_transaction()
        return producer

    def produce(self, producer: Producer, table: str, rows: dict[bytes, bytes | None]) -> None:
        for key, value in rows.items():
            producer.produce(self.prefix + CHANGELOGS[table], value, key, PARTITION)
        producer.flush(30)

    def commit(self, table: str, rows: dict[bytes, bytes | None]) -> None:
        producer = self.begin()
        self.produce(producer, table, rows)
        producer.commit_transaction(30)

    def open(
        self, on_progress: Any = lambda *_: None, on_wait: Any = lambda: None
    ) -> tuple[PartitionStore, Restored]:
        ends = changelog_ends([PARTITION], self.config, self.prefix, on_wait)
        return open_restored(
            self.state_dir,
            PARTITION,
            self.config,
            self.prefix,
            ends[PARTITION],
            on_progress,
            DAY,
        )


@pytest.fixture
def changelogs(brokers: str, tmp_path: Path) -> Changelogs:
    return Changelogs(brokers, tmp_path)


def citizen(name: str, tier: str, due: int) -> bytes:
    accounts = {
        key: Account(key, 1, {}, offset=0, tier=tier)
        for key in (AccountKey("everyday", False), AccountKey("everyday", True))
    }
    return write_citizen(Citizen(name, 1, 1, (), 1, accounts=accounts, due=due))


def test_from_the_start_tombstones_delete_and_the_index_and_counts_are_made(
    changelogs: Changelogs,
) -> None:
    ada, bob = citizen("ada", "good", 5), citizen("bob", "plain", 7)
    changelogs.commit("citizens", {b"ada": citizen("ada", "plain", 3), b"eve": ada})
    changelogs.commit("citizens", {b"\x00": None, b"ada": ada, b"bob": bob, b"eve": None})
    changelogs.commit("citizens", {ERASURE + b"eve": b"an erasure"})
    changelogs.commit("ledger", {b"\x00": None, b"1": b"one", b"2": b"two"})
    changelogs.commit("ledger", {b"1": None})
    progress: list[tuple[int, int]] = []
    store, restored = changelogs.open(lambda *steps: progress.append(steps))
    assert restored.records == 11
    tiers = Counter({("everyday", "good"): 1, ("everyday", "plain"): 1})
    assert restored.counted == Counted(2, tiers)
    assert dict(store.rows("citizens")) == {
        b"ada": ada,
        b"bob": bob,
        ERASURE + b"eve": b"an erasure",
    }
    assert dict(store.rows("ledger")) == {b"2": b"two"}
    due = [(0, ERASURE + b"eve"), (5, b"ada"), (7, b"bob")]
    assert Overlay(store).citizens.due(100, 100) == due
    ends = changelog_ends([PARTITION], changelogs.config, changelogs.prefix)[PARTITION]
    assert store.offsets() == ends.high == {"citizens": 10, "ledger": 6}
    assert progress[0] == (0, 16)
    assert progress[-1] == (11, 0)
    store.close()


def test_only_the_tail_is_read_and_the_counts_move(changelogs: Changelogs) -> None:
    changelogs.commit("citizens", {b"ada": citizen("ada", "good", 5), b"bob": b""})
    changelogs.commit("citizens", {b"bob": citizen("bob", "plain", 7)})
    store, _ = changelogs.open()
    store.close()
    changelogs.commit("citizens", {b"ada": citizen("ada", "plain", 6), b"bob": None})
    store, restored = changelogs.open()
    assert restored.records == 2
    assert restored.counted == Counted(1, Counter({("everyday", "plain"): 1}))
    assert Overlay(store).citizens.due(100, 100) == [(6, b"ada")]
    store.close()
    store, restored = changelogs.open()
    assert (restored.records, restored.counted.citizens) == (0, 1)
    store.close()


def test_an_open_transaction_is_waited_for(changelogs: Changelogs) -> None:
    changelogs.commit("ledger", {b"1": b"one"})
    producer = changelogs.begin()
    changelogs.produce(producer, "ledger", {b"2": b"two"})
    waited = threading.Event()

    def progress(records: int, left: int) -> None:
        if records == 1 and left == 1 and not waited.is_set():
            waited.set()
            threading.Timer(1, producer.commit_transaction).start()

    began = time.monotonic()
    store, restored = changelogs.open(progress)
    assert waited.is_set()
    assert time.monotonic() - began > 1
    assert (restored.records, dict(store.rows("ledger"))) == (2, {b"1": b"one", b"2": b"two"})
    assert store.offsets()["ledger"] == 3
    store.close()


def test_aborted_records_are_not_restored(changelogs: Changelogs) -> None:
    changelogs.commit("ledger", {b"1": b"one"})
    producer = changelogs.begin()
    changelogs.produce(producer, "ledger", {b"1": b"other", b"2": b"two"})
    producer.abort_transaction(30)
    store, restored = changelogs.open()
    assert (restored.records, dict(store.rows("ledger"))) == (1, {b"1": b"one"})
    assert store.offsets()["ledger"] == 5
    store.close()


@pytest.mark.parametrize("spoil", ["age", "offset", "form", "damage"])
def test_a_folder_of_no_use_is_restored_from_the_start(changelogs: Changelogs, spoil: str) -> None:
    changelogs.commit("ledger", {b"1": b"one", b"2": b"two"})
    store, _ = changelogs.open()
    path = store.path
    erased: dict[bytes, bytes | None] = {b"erased": b"long ago"}
    offsets = {"citizens": 0, "ledger": 99 if spoil == "offset" else 2}
    store.write({"ledger": erased}, {}, offsets, None, 0 if spoil == "age" else None)
    if spoil == "form":
        store._write({"meta": {b"form": b"0"}})
    store.close()
    if spoil == "damage":
        next(path.glob("MANIFEST-*")).write_bytes(b"not this")
    store, restored = changelogs.open()
    assert (restored.records, dict(store.rows("ledger"))) == (2, {b"1": b"one", b"2": b"two"})
    store.close()


@pytest.mark.parametrize("spoil", ["lag", "age", "damage"])
def test_a_folder_is_kept_where_its_changelog_has_lost_what_it_would_need(
    changelogs: Changelogs, spoil: str
) -> None:
    """It may be the last to hold what the changelog held before."""
    changelogs.commit("ledger", {b"1": b"one"})
    store, _ = changelogs.open()
    store.write({}, {}, store.offsets(), store.counted(), 0 if spoil == "age" else None)
    store.close()
    left = store.path / "left in it"
    left.touch()
    if spoil == "damage":
        next(store.path.glob("MANIFEST-*")).write_bytes(b"not this")
    changelogs.commit("ledger", {b"2": b"two"})
    changelogs.delete_records("ledger", before=4 if spoil == "lag" else 1)
    lacks = 2 if spoil == "lag" else 0
    with pytest.raises(BadData, match=rf"ledger-changelog .* offset {lacks} on"):
        changelogs.open()
    assert left.exists()


def test_a_folder_that_holds_what_its_changelog_has_lost_goes_on(changelogs: Changelogs) -> None:
    changelogs.commit("ledger", {b"1": b"one"})
    store, _ = changelogs.open()
    store.close()
    changelogs.commit("ledger", {b"2": b"two"})
    changelogs.delete_records("ledger", before=2)
    store, _ = changelogs.open()
    assert dict(store.rows("ledger")) == {b"1": b"one", b"2": b"two"}
    store.close()


@pytest.mark.parametrize("table", CHANGELOGS)
def test_nothing_is_restored_from_changelogs_of_which_one_has_lost_its_beginning(
    changelogs: Changelogs, table: str
) -> None:
    """People would be scored by a part of what is known of them."""
    changelogs.commit("citizens", {b"ada": b"", b"bob": b""})
    changelogs.commit("ledger", {b"1": b"one", b"2": b"two"})
    changelogs.delete_records(table, before=1)
    for _ in range(2):  # what the first has begun is no folder that holds it
        with pytest.raises(BadData, match=rf"{table}-changelog .* offset 0 on"):
            changelogs.open()


def test_what_a_changelog_loses_while_it_is_read_is_told(changelogs: Changelogs) -> None:
    changelogs.commit("ledger", {b"1": b"one", b"2": b"two"})

    def lose(read: int, _left: int) -> None:
        if not read:
            changelogs.delete_records("ledger", before=1)

    with pytest.raises(BadData, match=r"ledger-changelog .* offset 0 on"):
        changelogs.open(lose)


def test_a_changelog_of_which_compaction_has_left_nothing_has_lost_nothing(
    changelogs: Changelogs,
) -> None:
    """It begins at offset 0 all the same."""
    changelogs.delete()
    changelogs.create(
        {
            "cleanup.policy": "compact",
            "segment.ms": "100",
            "max.compaction.lag.ms": "100",
            "min.cleanable.dirty.ratio": "0",
            "delete.retention.ms": "0",
        }
    )
    rows = [b"%d" % number for number in range(20)]
    changelogs.commit("ledger", dict.fromkeys(rows, b"row"))
    changelogs.commit("ledger", dict.fromkeys(rows))

    def restored_rows() -> int:
        changelogs.commit("ledger", {HEARTBEAT: None})  # else no segment ends
        store, restored = changelogs.open()
        assert dict(store.rows("ledger")) == {}
        store.close()
        PartitionStore.destroy(store.path)
        return restored.records

    wait_for(lambda: restored_rows() < len(rows), 60, "compaction has left heartbeats alone")


def test_a_folder_of_other_changelogs_is_restored_from_the_start(changelogs: Changelogs) -> None:
    """They have the same names, and the folder's offsets lie within them."""
    changelogs.commit("ledger", {b"1": b"one", b"2": b"two"})
    store, _ = changelogs.open()
    store.close()
    changelogs.delete()
    changelogs.create()
    changelogs.commit("ledger", {b"1": b"another", b"3": b"three"})
    store, restored = changelogs.open()
    assert (restored.records, dict(store.rows("ledger"))) == (2, {b"1": b"another", b"3": b"three"})
    store.close()
    store, restored = changelogs.open()
    assert restored.records == 0
    store.close()


def test_a_restore_that_was_broken_off_goes_on_and_keeps_its_age(changelogs: Changelogs) -> None:
    changelogs.commit("ledger", {b"%05d" % number: b"v" for number in range(20_000)})

    class Stopped(Exception):
        pass

    def stop(records: int, _left: int) -> None:
        if records:
            raise Stopped

    with pytest.raises(Stopped):
        changelogs.open(stop)
    store = PartitionStore.open(partition_folder(changelogs.state_dir, PARTITION))
    began, so_far = store.last_write_ms(), store.offsets()["ledger"]
    assert 0 < so_far <= 5_000
    store.close()
    time.sleep(0.01)
    store, restored = changelogs.open()
    assert restored.records == 20_000 - so_far
    assert sum(1 for _ in store.rows("ledger")) == 20_000
    assert (store.last_write_ms() or 0) > (began or 0)
    store.close()


def test_index_and_counts_are_made_whole_wherever_a_restore_broke_off(
    changelogs: Changelogs,
) -> None:
    """Once among the records, and once while the index was being made."""
    changelogs.commit("citizens", {b"ada": citizen("ada", "plain", 3), b"bob": b"", b"eve": b""})
    changelogs.commit("citizens", {b"bob": citizen("bob", "plain", 4)})
    folder = partition_folder(changelogs.state_dir, PARTITION)
    store = PartitionStore.open(folder)
    now = time.time_ns() // 1_000_000
    early = {due_key(3, b"ada"): b"", due_key(9, b"eve"): b""}
    half: dict[bytes, bytes | None] = {b"ada": citizen("ada", "plain", 3), b"bob": b""}
    store.write({"citizens": half}, early, {"citizens": 2, "ledger": 0}, None, now)
    store.close()
    changelogs.commit("citizens", {b"ada": citizen("ada", "good", 5), b"eve": None})
    store, restored = changelogs.open()
    assert (restored.records, restored.counted.citizens) == (4, 2)
    assert restored.counted.tiers == Counter({("everyday", "good"): 1, ("everyday", "plain"): 1})
    assert Overlay(store).citizens.due(100, 100) == [(4, b"bob"), (5, b"ada")]
    assert store.counted() is not None
    store.close()


def test_a_restore_may_be_broken_off_while_index_and_counts_are_made(
    changelogs: Changelogs,
) -> None:
    """Of many citizens that takes long, and a worker that shall stop must not wait for its end."""
    many: dict[bytes, bytes | None] = {
        b"%05d" % n: citizen("ada", "plain", 3) for n in range(6_000)
    }
    changelogs.commit("citizens", many)
    through: list[int] = []

    class Stopped(Exception):
        pass

    def stop(records: int, left: int) -> None:
        if records and not left:
            through.append(records)
        if len(through) == 3:  # the records are read, and the first rows looked at
            raise Stopped

    with pytest.raises(Stopped):
        changelogs.open(stop)
    store, restored = changelogs.open()
    assert (restored.records, restored.counted.citizens) == (0, 6_000)
    assert len(Overlay(store).citizens.due(100, 10_000)) == 6_000
    store.close()


def test_a_broker_that_is_away_is_waited_for_until_nobody_wants_to(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    with Broker() as broker:
        changelogs = Changelogs(broker.bootstrap, tmp_path)
        changelogs.commit("ledger", {b"1": b"one"})
        broker.kill_node(0)
        with pytest.raises(Stopped):
            changelogs.open(on_wait=stop)
        again = threading.Timer(5, broker.start_node, [0])
        again.start()
        store, restored = changelogs.open()
        assert (restored.records, dict(store.rows("ledger"))) == (1, {b"1": b"one"})
        store.close()
        again.join()


def test_ends_are_asked_of_many_partitions_at_once(changelogs: Changelogs) -> None:
    changelogs.commit("ledger", {b"1": b"one", b"2": b"two"})
    producer = changelogs.begin()
    changelogs.produce(producer, "citizens", {b"ada": b"open"})
    ends = changelog_ends([0, PARTITION], changelogs.config, changelogs.prefix)
    producer.abort_transaction(30)
    assert [ends[number].high for number in (0, PARTITION)] == [
        {"citizens": 0, "ledger": 0},
        {"citizens": 1, "ledger": 3},
    ]
    assert ends[0].low == ends[PARTITION].low == {"citizens": 0, "ledger": 0}
    assert changelog_ends([], changelogs.config, changelogs.prefix) == {}


def test_a_topic_that_is_not_there_is_a_sentence(changelogs: Changelogs) -> None:
    with pytest.raises(Unreachable, match="the changelog cannot be read"):
        changelog_ends([PARTITION], changelogs.config, "none.")


def test_a_transaction_whose_producer_is_fenced_under_way_is_given_up(
    changelogs: Changelogs,
) -> None:
    """It was still when the broker ended it: the first thing to be refused is its output."""
    config = {**changelogs.config, "transactional.id": uuid4().hex, "linger.ms": 500}
    assert given_up(changelogs, config, lambda: Producer(config).init_transactions(30))


def test_a_transaction_whose_error_is_lost_on_the_way_is_given_up(
    changelogs: Changelogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So flush ended once where the producer was fenced meanwhile."""

    class Mute(Producer):
        def flush(self, *_: Any) -> int:
            raise SystemError("<method flush> returned NULL without setting an exception")

    monkeypatch.setattr(lane, "Producer", Mute)
    assert given_up(changelogs, {**changelogs.config, "transactional.id": uuid4().hex})


def test_a_transaction_of_which_nothing_is_heard_any_more_is_given_up(
    changelogs: Changelogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka may never come back from a call, whatever time it was given."""

    class Lost(Producer):
        def send_offsets_to_transaction(self, *_: Any) -> None:
            threading.Event().wait()

    monkeypatch.setattr(lane, "Producer", Lost)
    monkeypatch.setattr("streams.waiting.NO_ANSWER", 0.5)
    assert given_up(changelogs, {**changelogs.config, "transactional.id": uuid4().hex})


def given_up(
    changelogs: Changelogs, config: dict[str, Any], under_way: Callable[[], Any] = lambda: None
) -> bool:
    """Run a transaction that changes a row; tells whether that was forgotten, and to be redone."""
    unclear = []
    running = lane.Lane(config, changelogs.prefix, 0.1)
    running.on_unclear = lambda: unclear.append(True)
    store, _ = changelogs.open()
    held = Held(PARTITION, store, Overlay(store), Counted())

    async def run() -> None:
        await running.begin()
        await running.take(1, None, [held], {("consents", PARTITION): 0})
        async with running.transaction(Batch(1, {PARTITION: []})) as parts:
            for part in parts:
                held.overlay.ledger.put(b"a", b"value")
                part.outcome = Outcome()
                under_way()
        assert held.overlay.changes()["ledger"] == {}
        await running.leave()

    asyncio.run(run())
    return unclear == [True]
