"""Settings in, Faust app out."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import faust
import structlog
from mode import CrashingSupervisor
from yarl import URL as Address

from streams import metrics
from streams.agents import score_events
from streams.memory import Memory, split
from streams.process.batch import Options
from streams.published import Published
from streams.ready import Readiness
from streams.settings import Settings
from streams.standby import Standby
from streams.tables.ends import Ends, changelog_ends
from streams.tables.overlay import Overlay
from streams.tables.partition import PartitionStore, bound
from streams.tables.progress import Progress
from streams.tables.restore import Restored, delete_forgotten, open_restored
from streams.tables.store import URL
from streams.tables.table import Table, TableManager
from streams.topics import DAY, LARGEST, TOMBSTONES_STAY
from streams.transport.name import Name, take_name
from streams.transport.part import Held
from streams.transport.transport import Plan, Transport
from streams.transport.waiting import to_the_end

AT_ONCE = 2  # partitions that are restored side by side: Python itself keeps more from being faster

T = TypeVar("T")

log = structlog.get_logger(__name__)


class BatchTopic(faust.Topic):
    """A topic whose messages are whole batches, decoded already."""

    def _compile_decode(self) -> None:
        """Compile none: a channel's own hands the message's value on as it is."""


@dataclass(frozen=True)
class Worker:
    """The parts of a worker that do not change while it runs."""

    settings: Settings
    partitions: int
    readiness: Readiness
    folder: Path  # of the group's state
    name: Name
    memory: Memory


def make_app(
    settings: Settings, partitions: int, scorecards: Published, readiness: Readiness
) -> faust.App:
    """Make a worker's app; partitions: what all topics have, see `transport.check`."""
    folder = settings.state_dir / (settings.prefix + settings.group)
    name = take_name(folder, settings.group)
    memory = split(settings.memory_mib, partitions)
    bound(memory)
    worker = Worker(settings, partitions, readiness, folder, name, memory)
    faust_folder = settings.state_dir / "faust"
    faust_folder.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        settings.group,
        broker="librdkafka://" + settings.brokers.split(",", maxsplit=1)[0],
        store=URL,
        Topic=BatchTopic,
        Table=Table,
        TableManager=TableManager,
        agent_supervisor=CrashingSupervisor,  # a batch that fails is never passed over
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_buffer_maxsize=4,  # each item is a whole batch
        stream_wait_empty=False,
        topic_partitions=partitions,
        datadir=str(faust_folder),
    )
    plan = Plan(
        consumer_config(settings, name, memory),
        settings.librdkafka,
        producer_config(settings, name, memory),
        settings.prefix,
        partitions,
        settings.commit_ms / 1000,
    )
    transport = Transport([Address(app.conf.broker[0])], app)
    app.transport = app.producer_transport = transport
    standby = Standby(partial(_copy, worker))
    lane = transport.run_on(
        plan,
        partial(_restore, worker, standby),
        partial(_ready, readiness),
        partial(_gone, readiness),
    )
    options = Options(
        partitions,
        settings.horizon_days * DAY,
        frozenset(settings.audiences),
        settings.max_record_bytes,
    )
    score_events(app, lane, scorecards, options, app.topic(*plan.topics, value_type=bytes))
    _gone(readiness)
    return app


def consumer_config(settings: Settings, name: Name, memory: Memory) -> dict[str, Any]:
    """Give librdkafka's settings of the group's member."""
    config = {
        **settings.librdkafka,
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        # Equal partition counts, so partition p of all topics goes to one member.
        "partition.assignment.strategy": "range",
        "session.timeout.ms": settings.away_seconds * 1000,
        "heartbeat.interval.ms": 1_500,
        "enable.partition.eof": True,  # says when consents were read to their end
        # An answer for each record as it comes would cost the brokers more than all our work.
        "fetch.min.bytes": 100_000,
        "fetch.wait.max.ms": 20,
        "fetch.queue.backoff.ms": 10,  # the default of 1,000 starves a consumer that keeps up
        "queued.min.messages": 20_000,
        **memory.fetching,
    }
    if name.kept:
        # Who comes back under it in time has its partitions still; it never says that it leaves.
        config["group.instance.id"] = name.value
    return config


def producer_config(settings: Settings, name: Name, memory: Memory) -> dict[str, Any]:
    """Give librdkafka's settings of the lane's producer."""
    return {
        **settings.librdkafka,
        "transactional.id": name.value,
        "transaction.timeout.ms": 10_000,  # a successor waits so long for what we leave open
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 5,
        "batch.num.messages": 10_000,
        "batch.size": 1_000_000,
        "queue.buffering.max.messages": 500_000,
        **memory.producing,
        "message.max.bytes": LARGEST,
    }


async def _restore(worker: Worker, standby: Standby, partitions: list[int]) -> list[Held]:
    """Open the folders of partitions and bring them to the ends of their changelogs.

    Whoever cancels this finds every folder closed again.
    """
    worker.readiness.set("restored", False, "restoring")
    await standby.stop()  # their folders may be among its copies
    held = await _open_all(worker, partitions)
    try:
        run = asyncio.get_running_loop().run_in_executor
        now = time.time_ns() // 1_000_000
        # To the end: what is deleted must not be what the next restore opens.
        await to_the_end(run(None, delete_forgotten, worker.folder, partitions, now))
    except BaseException:
        for each in held:
            _let_go(each)
        raise
    if worker.settings.standby:  # until the next partitions are taken, or the worker's loop ends
        standby.keep(set(range(worker.partitions)) - set(partitions))
    return held


async def _open_all(worker: Worker, numbers: list[int]) -> list[Held]:
    """Open partitions, some at a time; if one cannot be, or nobody waits any more, none is."""
    began = time.monotonic()
    ends = await _ends(worker, numbers)
    turn = asyncio.Semaphore(AT_ONCE)

    async def open_in_turn(number: int) -> tuple[Held, Restored]:
        async with turn:
            return await _open(worker, number, ends[number])

    openings = [asyncio.ensure_future(open_in_turn(number)) for number in numbers]
    try:
        # Cancelled once: who is cancelled again while it lets its folder go would leave it open.
        opened = await asyncio.gather(*map(asyncio.shield, openings))
    except BaseException:
        for opening in openings:
            opening.cancel()
        try:
            await to_the_end(asyncio.wait(openings))
        finally:  # whoever cancels this wait finds them closed, too
            for opening in openings:
                if not opening.cancelled() and opening.exception() is None:
                    _let_go(opening.result()[0])
        raise
    log.info(
        "partitions_restored",
        partitions=len(opened),
        records=sum(restored.records for _, restored in opened),
        seconds=round(time.monotonic() - began, 3),
    )
    return [held for held, _ in opened]


async def _open(worker: Worker, number: int, ends: Ends) -> tuple[Held, Restored]:
    store, restored = await _bring_up(worker, number, ends)
    metrics.restore_seconds.observe(restored.seconds)
    counted = restored.counted
    metrics.held.start(number, counted.citizens, counted.tiers)
    log.info(
        "partition_restored",
        partition=number,
        records=restored.records,
        seconds=round(restored.seconds, 3),
    )
    return Held(number, store, Overlay(store), counted), restored


def _let_go(held: Held) -> None:
    """Close a partition that is not taken after all; whoever has it tells of it."""
    held.store.close()
    metrics.drop(held.number)


async def _copy(worker: Worker, number: int) -> None:
    """Bring the copy of another's partition up to date."""
    ends = await _ends(worker, [number])
    store, restored = await _bring_up(worker, number, ends[number])
    log.debug("partition_copied", partition=number, records=restored.records)
    await to_the_end(asyncio.get_running_loop().run_in_executor(None, store.close))


async def _ends(worker: Worker, numbers: list[int]) -> dict[int, Ends]:
    """Ask where the changelogs of partitions end."""
    settings = worker.settings
    return await _while_awaited(
        lambda go_on: changelog_ends(numbers, settings.librdkafka, settings.prefix, go_on)
    )


async def _bring_up(worker: Worker, number: int, ends: Ends) -> tuple[PartitionStore, Restored]:
    """Open a partition's folder and restore it; whoever cancels this finds it closed again."""
    progress = Progress(number)
    fetching = replace(worker.memory, fetched=worker.memory.fetched // AT_ONCE).fetching

    def bring_up(go_on: Callable[[], None]) -> tuple[PartitionStore, Restored]:
        def on_progress(read: int, left: int) -> None:
            go_on()
            progress(read, left)

        return open_restored(
            worker.folder,
            number,
            {**worker.settings.librdkafka, **fetching},
            worker.settings.prefix,
            ends,
            on_progress,
            TOMBSTONES_STAY,
        )

    try:
        return await _while_awaited(bring_up, lambda opened: opened[0].close())
    except BaseException:  # else it would seem to stand still for ever
        metrics.restore_remaining.remove(str(number))
        raise


class _Cancelled(Exception):
    """Nobody waits for this any more."""


async def _while_awaited(
    work: Callable[[Callable[[], None]], T], undo: Callable[[T], None] = lambda _: None
) -> T:
    """Run work in a thread; what it is given raises once nobody waits for it any more.

    Whoever cancels this waits until the work has ended, and is undone if it was through.
    """
    cancelled = threading.Event()

    def go_on() -> None:
        if cancelled.is_set():
            raise _Cancelled

    running = asyncio.get_running_loop().run_in_executor(None, work, go_on)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancelled.set()
        await asyncio.wait([running])
        if running.exception() is None:
            undo(running.result())
        raise


def _ready(readiness: Readiness, partitions: list[int]) -> None:
    metrics.partitions_owned.set(len(partitions))
    readiness.set("restored", True)
    readiness.set("reading", True)
    log.info("worker_ready", partitions=partitions)


def _gone(readiness: Readiness) -> None:
    metrics.partitions_owned.set(0)
    readiness.set("restored", False, "no partitions yet")
