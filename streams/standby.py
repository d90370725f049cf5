"""Copies of the partitions that other workers hold, for a worker that shall take them over at once.

A copy is a partition's folder like any other, brought up to the ends of the changelogs again and
again. Whoever takes the partition has only the rest to read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from streams import metrics
from streams.errors import PlainscoreError
from streams.waiting import to_the_end

EVERY = 5.0  # seconds between two rounds: as old may a copy be

log = structlog.get_logger(__name__)


class Standby:
    """Makes copies, one partition after the other; `copy` brings one up to date and lets it go."""

    def __init__(self, copy: Callable[[int], Awaitable[None]]) -> None:
        self._copy = copy
        self._copying: asyncio.Task[None] | None = None

    def keep(self, partitions: Collection[int]) -> None:
        """Keep copies of these partitions, which others hold, until `stop`."""
        self._copying = asyncio.ensure_future(self._keep(sorted(partitions)))

    async def stop(self) -> None:
        """Stop, and wait until every folder is let go."""
        copying, self._copying = self._copying, None
        if copying is not None:
            copying.cancel()
            metrics.copies.set(0)
            await to_the_end(asyncio.wait([copying]))

    async def _keep(self, partitions: Collection[int]) -> None:
        while partitions:
            copied = 0
            for number in partitions:
                try:
                    await self._copy(number)
                    copied += 1
                except PlainscoreError as error:  # what this worker holds itself goes on
                    log.warning("copy_failed", partition=number, why=str(error))
            metrics.copies.set(copied)
            await asyncio.sleep(EVERY)
