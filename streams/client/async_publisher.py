"""The Publisher for asyncio."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import update_wrapper
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from streams.client.publisher import Publisher
from streams.errors import BadUsage

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[Publisher, P], R],
) -> Callable[Concatenate["AsyncPublisher", P], Coroutine[Any, Any, R]]:
    async def call(self: "AsyncPublisher", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._run(lambda: method(self._opened(), *args, **kwargs))

    update_wrapper(call, method)
    return call


class AsyncPublisher:
    """Publisher for asyncio: the same methods, awaited; its work is done by a thread of its own.

    Opens with `async with`, so that the event loop never waits for a broker.
    """

    def __init__(
        self,
        brokers: str,
        *,
        prefix: str = "",
        kafka: Mapping[str, str] | None = None,
        partitions: int | None = None,
    ) -> None:
        """Take what Publisher takes; connects on entering."""
        self._open = lambda: Publisher(brokers, prefix=prefix, kafka=kafka, partitions=partitions)
        self._publisher: Publisher | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="publisher")

    publish = _awaited(Publisher.publish)
    consent = _awaited(Publisher.consent)
    withdraw = _awaited(Publisher.withdraw)
    share = _awaited(Publisher.share)
    dispute = _awaited(Publisher.dispute)
    correct = _awaited(Publisher.correct)
    tick = _awaited(Publisher.tick)
    publish_scorecard = _awaited(Publisher.publish_scorecard)
    flush = _awaited(Publisher.flush)

    async def __aenter__(self) -> Self:
        self._publisher = await self._run(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        publisher = self._opened()
        try:
            await self._run(lambda: publisher.__exit__(kind, error, trace))
        finally:
            self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _opened(self) -> Publisher:
        if self._publisher is None:
            raise BadUsage(
                "This AsyncPublisher is not open", next_step="Enter it with `async with` first."
            )
        return self._publisher
