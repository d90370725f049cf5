"""The partitions that a worker takes: opened and restored, all together or none.

And those of others, of which it keeps copies to take them over at once.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from streams import metrics
from streams.memory import Memory
from streams.ready import Readiness
from streams.settings import Settings
from streams.standby import Standby
from streams.tables.ends import Ends, changelog_ends
from streams.tables.overlay import Overlay
from streams.tables.partition import PartitionStore
from streams.tables.progress import Progress
from streams.tables.restore import Restored, delete_forgotten, open_restored
from streams.topics import TOMBSTONES_STAY
from streams.transport.part import Held
from streams.waiting import to_the_end, while_awaited

AT_ONCE = 2  # partitions that are restored side by side: Python itself keeps more from being faster

log = structlog.get_logger(__name__)


class Partitions:
    """Opens partitions in a folder, the state of a group that has `count` of them."""

    def __init__(
        self,
        settings: Settings,
        count: int,
        readiness: Readiness,
        folder: Path,
        memory: Memory,
    ) -> None:
        self._settings = settings
        self._count = count
        self._readiness = readiness
        self._folder = folder
        self._memory = memory
        self._standby = Standby(self._copy)

    async def restore(self, partitions: list[int]) -> list[Held]:
        """Open the folders of partitions and bring them to the ends of their changelogs.

        Whoever cancels this finds every folder closed again.
        """
        self._readiness.set("restored", False, "restoring")
        await self._standby.stop()  # their folders may be among its copies
        held = await self.open_all(partitions)
        try:
            run = asyncio.get_running_loop().run_in_executor
            now = time.time_ns() // 1_000_000
            # To the end: what is deleted must not be what the next restore opens.
            await to_the_end(run(None, delete_forgotten, self._folder, partitions, now))
        except BaseException:
            for each in held:
                _let_go(each)
            raise
        if self._settings.standby:  # until the next partitions are taken, or the worker's loop ends
            self._standby.keep(set(range(self._count)) - set(partitions))
        return held

    async def open_all(self, numbers: list[int]) -> list[Held]:
        """Open partitions, some at a time; if one cannot be, or nobody waits any more, none is."""
        began = time.monotonic()
        ends = await self._ends(numbers)
        turn = asyncio.Semaphore(AT_ONCE)

        async def open_in_turn(number: int) -> tuple[Held, Restored]:
            async with turn:
                return await self._open(number, ends[number])

        openings = [asyncio.ensure_future(open_in_turn(number)) for number in numbers]
        try:
            # Cancelled once: who is cancelled again while it lets its folder go leaves it open.
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

    async def _open(self, number: int, ends: Ends) -> tuple[Held, Restored]:
        store, restored = await self._bring_up(number, ends)
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

    async def _copy(self, number: int) -> None:
        """Bring the copy of another's partition up to date."""
        ends = await self._ends([number])
        store, restored = await self._bring_up(number, ends[number])
        log.debug("partition_copied", partition=number, records=restored.records)
        await to_the_end(asyncio.get_running_loop().run_in_executor(None, store.close))

    async def _ends(self, numbers: list[int]) -> dict[int, Ends]:
        """Ask where the changelogs of partitions end."""
        settings = self._settings
        return await while_awaited(
            lambda go_on: changelog_ends(numbers, settings.librdkafka, settings.prefix, go_on)
        )

    async def _bring_up(self, number: int, ends: Ends) -> tuple[PartitionStore, Restored]:
        """Open a partition's folder and restore it; whoever cancels this finds it closed again."""
        progress = Progress(number)
        fetching = replace(self._memory, fetched=self._memory.fetched // AT_ONCE).fetching

        def bring_up(go_on: Callable[[], None]) -> tuple[PartitionStore, Restored]:
            def on_progress(read: int, left: int) -> None:
                go_on()
                progress(read, left)

            return open_restored(
                self._folder,
                number,
                {**self._settings.librdkafka, **fetching},
                self._settings.prefix,
                ends,
                on_progress,
                TOMBSTONES_STAY,
            )

        try:
            return await while_awaited(bring_up, lambda opened: opened[0].close())
        except BaseException:  # else it would seem to stand still for ever
            metrics.restore_remaining.remove(str(number))
            raise


def _let_go(held: Held) -> None:
    """Close a partition that is not taken after all; whoever has it tells of it."""
    held.store.close()
    metrics.drop(held.number)
