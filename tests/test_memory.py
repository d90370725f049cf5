"""A worker's memory: a flood waits in Kafka, and not in the worker."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from streams.embedded import Broker
from streams.memory import MIB, split
from streams.scoring.ledger import DAY
from streams.topics import LARGEST_RECORD
from tests.lane_world import History, Sent, Worker, World

FULL_SIZE = bool(os.environ.get("PLAINSCORE_FULL_SIZE"))
PYTHON = 200  # MiB


@pytest.mark.parametrize("memory_mib", [64, 512, 100_000])
@pytest.mark.parametrize("partitions", [1, 4, 1_000])
def test_the_parts_are_the_whole(memory_mib: int, partitions: int) -> None:
    memory = split(memory_mib, partitions)
    parts = memory.blocks + memory.memtables + memory.fetched + memory.produced
    assert parts == memory_mib * MIB
    assert memory.producing["queue.buffering.max.kbytes"] * 1024 > LARGEST_RECORD
    fetching = memory.fetching
    waiting, coming = fetching["queued.max.messages.kbytes"] * 1024, fetching["fetch.max.bytes"]
    assert LARGEST_RECORD < coming <= waiting
    assert waiting + coming <= memory.fetched
    # Empty memtables of every table and partition must not be a reason to write them to the disk.
    assert 4 * partitions * memory.memtable * (1 / 8 + 1 / 10) < memory.memtables / 2


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path, group=prefix + "group") as world:
        yield world


def peak_mib(worker: Worker) -> float:
    """The most memory that a worker's process has held until now."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


@pytest.mark.kafka
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("memory_mib", [64, 1_024] if FULL_SIZE else [64])
def test_a_flood_of_citizens_waits_in_kafka(world: World, memory_mib: int) -> None:
    """Python has a batch, and citizens, in its hands on top of what was set."""
    history, random = History(51, citizens=4_000), Random(51)
    world.send(history.consents(kinds=("purchases",)))
    worker = world.worker(MEMORY_MIB=str(memory_mib)).wait_ready()
    world.wait_done()
    before = peak_mib(worker)
    for _ in range(10 if FULL_SIZE else 1):
        world.send(large(history, random, 12_000))
    assert world.left(), "the flood was none"
    world.wait_done(300)
    grown = peak_mib(worker) - before
    print(f"{memory_mib} MiB: {before:.0f} MiB, and {grown:.0f} more in the flood")
    assert grown < memory_mib + PYTHON


def large(history: History, random: Random, events: int) -> list[Sent]:
    """Purchases of 4 KB each, that cannot be compressed."""
    return [
        Sent.of(
            "purchases",
            {
                "event_id": random.randbytes(8).hex(),
                "citizen_id": random.choice(history.names),
                "occurred_at": history.now - random.randrange(10 * DAY),
                "source": "shop",
                "category": random.randbytes(2_000).hex(),
                "amount_minor": 100,
                "currency": "USD",
                "quantity": 1,
            },
        )
        for _ in range(events)
    ]
