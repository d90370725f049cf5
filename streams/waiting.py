"""Waiting: for librdkafka, but not for ever; and for what must not be left half done."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

T = TypeVar("T")

ANSWER = 12.0  # seconds for one step; a transaction that lasts as long has been ended by Kafka
NO_ANSWER = ANSWER + 3.0  # seconds after which librdkafka has lost one, or is very late


async def answered(call: Callable[..., T], *arguments: Any) -> T:
    """Have librdkafka do something, and wait for it, but not for ever.

    Where a group's broker is replaced it may never come back from send_offsets_to_transaction,
    whatever time it was given. Its thread is left behind with the producer then, and must not keep
    the process from ending.
    """
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(call(*arguments))
        except BaseException as error:  # the waiting one gets it
            answer.set_exception(error)

    threading.Thread(target=ask, name="transaction", daemon=True).start()
    waiting = asyncio.wrap_future(answer)
    await asyncio.wait([waiting], timeout=NO_ANSWER)
    if not waiting.done():
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "librdkafka gives no answer"))
    return waiting.result()


async def to_the_end(work: Awaitable[T]) -> T:
    """Wait for work that must not be left half done, also when the waiting is cancelled."""
    whole = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(whole)
    except asyncio.CancelledError:
        await asyncio.wait([whole])
        whole.exception()  # nobody waits for it any more
        raise


class _Cancelled(Exception):
    """Nobody waits for this any more."""


async def while_awaited(
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
