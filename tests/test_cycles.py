"""A batch is gone once it is done: what a cycle holds would stay until the collector comes."""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.embedded import Broker
from streams.marks import MOVED
from streams.process.batch import Options
from streams.process.process import process
from streams.tables.counted import Counted
from streams.tables.overlay import Overlay
from streams.tables.partition import PartitionStore, partition_folder
from streams.topics import INPUTS
from streams.transport.batch import Batch
from streams.transport.fetched import Fetched
from streams.transport.lane import Lane
from streams.transport.part import Held
from tests import memory
from tests.lane_world import (
    AUDIENCES,
    CHANGELOGS,
    OUTPUTS,
    PARTITIONS,
    History,
    World,
    misplaced,
)

pytestmark = pytest.mark.kafka

PLACES = [(topic, number) for topic in INPUTS for number in range(PARTITIONS)]
OPTIONS = Options(PARTITIONS, memory.HORIZON, AUDIENCES)


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path, group=prefix + "group") as world:
        yield world


@contextmanager
def uncollected() -> Iterator[list[object]]:
    """Gather what is left of what is done within, and would be freed by the collector alone."""
    left: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield left
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_batch_leaves_nothing_in_a_cycle(world: World) -> None:
    """In sources as in compiled modules, of which more is made than is written: a function within
    another, and what it sees of that one, hold each other there. test_wheel.py runs this with them.
    """
    history = History(61, citizens=40, events=400)
    happened = history.happenings()
    records = history.consents() + history.shares() + happened[200:] + misplaced(happened[:200])
    records += [each._replace(value=None) for each in records[:5]]  # who withdraws again
    world.send(records)
    left = asyncio.run(left_of_a_batch(world, len(records)))
    ours = [type(each).__name__ for each in left if module_of(each).startswith("streams.")]
    assert not ours, f"only the collector frees {dict(Counter(ours))}"
    seen = world.seen()
    for topic in (*OUTPUTS, *CHANGELOGS):
        assert seen[topic], f"the batch was to bring something to {topic}"
    assert any(MOVED in dict(record.headers) for record in seen["purchases"])


async def left_of_a_batch(world: World, records: int) -> list[object]:
    """Have what was sent scored as a worker does, in one batch; gives what that left behind."""
    config = {"bootstrap.servers": world.brokers}
    consumer = Consumer({**config, "group.id": world.group, "auto.offset.reset": "error"})
    lane = Lane({**config, "transactional.id": world.group}, world.prefix, 0.1)
    stores = [
        PartitionStore.open(partition_folder(world.folder, number)) for number in range(PARTITIONS)
    ]
    held = [Held(number, each, Overlay(each), Counted()) for number, each in enumerate(stores)]
    await lane.begin()
    await lane.take(1, consumer.consumer_group_metadata(), held, dict.fromkeys(PLACES, 0))
    with uncollected() as left:
        await score(lane, fetch(world, consumer, records))
        await lane.leave()
        # A thread that has done its work has that in hand for a moment more.
        await asyncio.get_running_loop().shutdown_default_executor()
    consumer.close()
    return left


async def score(lane: Lane, batch: Batch) -> None:
    """Score a batch, as the agent does."""
    published = memory.published()
    async with lane.transaction(batch) as parts:
        for part in parts:
            view = part.held.overlay.view
            part.outcome = process(
                part.number,
                part.records,
                view("citizens"),
                view("ledger"),
                published,
                part.out,
                OPTIONS,
                part.known,
            )


def fetch(world: World, consumer: Consumer, records: int) -> Batch:
    """Make a batch of so many records."""
    fetched = Fetched(world.prefix)
    fetched.begin(dict.fromkeys(PLACES, 0))
    consumer.assign([TopicPartition(world.prefix + topic, number, 0) for topic, number in PLACES])
    while len(fetched) < records:
        assert fetched.keep(consumer.consume(1_000, 1)) == []
    return fetched.cut(1, INPUTS, records)


def module_of(each: object) -> str:
    """Where a function, or a thing's class, was written."""
    return getattr(each, "__module__", None) or ""
