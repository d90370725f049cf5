"""A worker whose disk is full says so, loses nothing, and goes on when there is room."""

from base64 import b85encode
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from streams.embedded import Broker
from streams.scoring.ledger import DAY
from streams.tables.partition import TABLES, PartitionStore, partition_folder
from streams.topics import KINDS, partition_of
from tests.disk import Disk, NoDisk, mounted
from tests.lane_world import GROUP, PARTITIONS, History, Sent, Worker, World, check, wait_for

pytestmark = pytest.mark.kafka


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path) as world:
        yield world


@pytest.fixture
def disk(world: World) -> Iterator[Disk]:
    """What the state folder of worker "a" lies on; made after `world`, so gone after its workers.

    Where this must not be skipped, NOTHING_MISSING makes a skip a failure.
    """
    try:
        with mounted(world.folder / "a" / "state") as disk:
            yield disk
            for worker in world.workers:
                worker.kill()
    except NoDisk as why:
        pytest.skip(str(why))


def large(history: History, events: int) -> list[Sent]:
    """Purchases in one partition: 16 KB of the ledger each, which can hardly be compressed."""
    random = Random(5)
    names = [name for name in history.names if partition_of(name, PARTITIONS) == 0]
    return [
        Sent.of(
            "purchases",
            {
                "event_id": f"large-{number}",
                "citizen_id": random.choice(names),
                "occurred_at": history.now - random.randrange(10 * DAY),
                "source": "shop",
                "category": b85encode(random.randbytes(12_800)).decode(),
                "amount_minor": random.randrange(100, 40_000),
                "currency": "USD",
                "quantity": 1,
            },
        )
        for number in range(events)
    ]


def told_of_full_disk(worker: Worker, disk: Disk) -> None:
    """Assert that a worker ends with 3 and a sentence that says what to do, and no traceback."""
    assert worker.process.wait(120) == 3, worker.said()[-6000:]
    sentence = worker.sentence()
    assert sentence.startswith(f"error: The disk is full ({disk.folder}"), sentence
    assert "PLAINSCORE_STATE_DIR" in sentence
    assert "Traceback" not in worker.said()


def rows(world: World, worker: Worker) -> dict[tuple[int, str], dict[bytes, bytes]]:
    """Every row of a stopped worker's tables and of its index of due times."""
    found = {}
    for number in range(PARTITIONS):
        store = PartitionStore.open(partition_folder(worker.state / (world.prefix + GROUP), number))
        for family in (*TABLES, "due"):
            found[number, family] = dict(store.rows(family))
        store.close()
    return found


def goes_on(world: World, disk: Disk, worker_before: Worker) -> None:
    """Assert that with room a worker scores all that was sent, and its folder holds all of that."""
    disk.make_room()
    worker = world.worker().wait_ready()
    check(world, world.wait_done())
    worker.stop()
    fresh = world.worker("fresh").wait_ready()
    fresh.stop()
    assert rows(world, worker) == rows(world, fresh)


def test_a_disk_that_fills_up_while_it_scores(world: World, disk: Disk) -> None:
    history = History(21, citizens=60, events=150)
    world.send(history.consents(KINDS) + history.shares())
    worker = world.worker().wait_ready()
    world.send(history.happenings())
    world.wait_done()
    world.send(large(history, 3_000))  # 48 MB; RocksDB writes to the disk from 32 MB on
    ticks = history.ticks(history.now)
    wait_for(lambda: worker.ended() or world.send(ticks), 120, "it has written again")
    told_of_full_disk(worker, disk)
    goes_on(world, disk, worker)


def test_a_disk_that_is_full_from_the_start(world: World, disk: Disk) -> None:
    history = History(22, citizens=60, events=150)
    world.send(history.consents() + history.happenings())
    disk.fill()
    worker = world.worker()
    told_of_full_disk(worker, disk)
    goes_on(world, disk, worker)


def test_a_disk_that_is_full_when_it_stops(world: World, disk: Disk) -> None:
    history = History(23, citizens=60, events=150)
    world.send(history.consents() + history.shares())
    worker = world.worker().wait_ready()
    world.send(history.happenings())
    world.wait_done()
    disk.fill()
    worker.stop()
    assert worker.events("state_folder_not_written")
    goes_on(world, disk, worker)
