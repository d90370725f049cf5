"""Receives score changes: committed ones only, each once, from any position on."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, cast, get_args, overload

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.client.change import Change, SharedScore
from streams.client.connection import ANSWER_WITHIN, Connection, decoded
from streams.client.shape import key_of
from streams.errors import BadUsage
from streams.topics import audience_topic, full_name, partition_of

From = Literal["start", "end"]
T = TypeVar("T", Change, SharedScore)

_SETTINGS = {
    "isolation.level": "read_committed",
    "enable.auto.offset.store": False,
    "fetch.wait.max.ms": 100,
}
_REMEMBERED = 200_000  # citizens and scorecards whose last change is known, to drop repeats
_SLICE = 0.5  # seconds that a thread waits for Kafka before it looks around


class Subscriber(Generic[T]):
    """An iterator, sync and async, over the changes of `score-changes`, or what an audience sees.

    Connects on entering (`with`, `async with`) or at the first change asked for, and raises
    Unreachable then if no broker answers within about 10 s; later it waits for brokers to return.

    Records of transactions that were aborted are never seen, and repeats are dropped: a change
    whose sequence was reached already; of an audience, a record equal to the one before it.
    A record that cannot be read is passed over, logged with its place and counted in `unreadable`:
    one bad record must not stop a consumer for ever.

    `positions` may be kept after each change and given back to continue after it. A `group` keeps
    them in Kafka, and shares the partitions among all who name it; a change counts as done when
    the next is asked for, or on leaving without an error. After a crash the last few come again.
    """

    @overload
    def __init__(
        self: "Subscriber[Change]",
        brokers: str,
        *,
        prefix: str = ...,
        kafka: Mapping[str, str] | None = ...,
        audience: None = ...,
        citizen: str | None = ...,
        from_: From = ...,
        positions: Mapping[int, int] | None = ...,
        group: str | None = ...,
        timeout: float | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: "Subscriber[SharedScore]",
        brokers: str,
        *,
        prefix: str = ...,
        kafka: Mapping[str, str] | None = ...,
        audience: str,
        citizen: str | None = ...,
        from_: From = ...,
        positions: Mapping[int, int] | None = ...,
        group: str | None = ...,
        timeout: float | None = ...,
    ) -> None: ...

    def __init__(
        self,
        brokers: str,
        *,
        prefix: str = "",
        kafka: Mapping[str, str] | None = None,
        audience: str | None = None,
        citizen: str | None = None,
        from_: From = "start",
        positions: Mapping[int, int] | None = None,
        group: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Say what to read.

        audience: read what it is shown, not every change. citizen: only this one's. from_: where
        to begin in partitions without a position. positions: next offset by partition. timeout:
        iteration ends after so many seconds without a change; None: never.
        """
        if group is not None and positions is not None:
            raise BadUsage(
                "Positions and a group were both given",
                next_step="Give one: a group keeps its own.",
            )
        if from_ not in get_args(From):
            raise BadUsage(
                f"{from_!r} is no place to begin", next_step='Say from_="start" or from_="end".'
            )
        for place in (positions or {}).items():
            if not all(isinstance(each, int) and each >= 0 for each in place):
                raise BadUsage(
                    f"{place} is no partition with its next offset",
                    next_step="Both are whole numbers: JSON makes a text of the first.",
                )
        self.unreadable = 0
        self._connection = Connection(brokers, kafka)
        topic = "score-changes" if audience is None else audience_topic(audience).name
        self._topic, self._full_name = topic, full_name(topic, prefix)
        make: Any = Change.of if audience is None else SharedScore.of
        self._make: Callable[[Mapping[str, Any]], T] = make
        self._citizen = citizen
        self._key = None if citizen is None else key_of(citizen)
        self._from: From = from_
        self._group = group
        self._timeout = timeout
        self._positions = dict(positions or {})
        self._consumer: Consumer | None = None
        self._arrived: deque[Message] = deque()
        self._last: OrderedDict[Hashable, object] = OrderedDict()
        self._not_stored: set[int] = set()  # partitions that went on since the group was told
        self._thread: ThreadPoolExecutor | None = None
        self._filling: asyncio.Future[None] | None = None

    @property
    def positions(self) -> dict[int, int]:
        """For each partition the offset after the last record that was given or passed over."""
        return dict(self._positions)

    def get(self, timeout: float | None = None) -> T | None:
        """Give the next change, or None after this many seconds without one (None: wait)."""
        until = None if timeout is None else monotonic() + timeout
        self._store()
        looked = False  # once at least, or a timeout of 0 would never see anything
        while (change := self._next()) is None:
            left = _SLICE if until is None else min(_SLICE, until - monotonic())
            if left < 0 and looked:
                return None
            self._fill(max(0.0, left))
            looked = True
        return change

    def close(self) -> None:
        """Leave the group, if any, with everything given so far as done."""
        self._store()
        self._leave()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if (change := self.get(self._timeout)) is None:
            raise StopIteration
        return change

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        until = None if self._timeout is None else monotonic() + self._timeout
        self._store()
        looked = False
        while True:
            if self._filling is None and (change := self._next()) is not None:
                return change
            left = _SLICE if until is None else min(_SLICE, until - monotonic())
            if left < 0 and looked:
                raise StopAsyncIteration
            await self._fill_in_thread(max(0.0, left))
            looked = True

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self._store()
        self._leave()

    async def __aenter__(self) -> Self:
        await self._fill_in_thread(0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            leaving = self._thread.submit(self.__exit__, kind, error, trace)
            await asyncio.wrap_future(leaving)
            self._thread.shutdown(wait=False)

    async def _fill_in_thread(self, timeout: float) -> None:
        """Fill without holding up the loop; who is cancelled meanwhile loses no record."""
        if self._filling is None:
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="subscriber")
            loop = asyncio.get_running_loop()
            self._filling = loop.run_in_executor(self._thread, self._fill, timeout)
        await asyncio.wait([self._filling])
        filled, self._filling = self._filling, None
        filled.result()

    def _fill(self, timeout: float) -> None:
        consumer = self._consumer or self._open()
        taken = self._connection.take(consumer, timeout)
        self._arrived.extend(taken)  # only now: what is asked of Kafka may have us forget some

    def _next(self) -> T | None:
        while self._arrived:
            message = self._arrived.popleft()
            partition = message.partition() or 0
            self._positions[partition] = (message.offset() or 0) + 1
            self._not_stored.add(partition)
            if self._key is not None and message.key() != self._key:
                continue
            change = self._read(message)
            if change is not None and not self._repeated(change):
                return change
        return None

    def _read(self, message: Message) -> T | None:
        values = decoded(self._topic, message)
        if values is None:
            self.unreadable += 1
            return None
        return self._make(values)

    def _repeated(self, change: T) -> bool:
        name: Hashable
        if isinstance(change, Change):
            name = (change.citizen_id, change.scorecard, change.since)
            repeated = change.sequence <= cast(int, self._last.get(name, 0))
        else:
            name = (change.citizen_id, change.scorecard)
            repeated = change == self._last.get(name)
        if not repeated:
            self._last[name] = change.sequence if isinstance(change, Change) else change
        self._last.move_to_end(name)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return repeated

    def _store(self) -> None:
        """Tell the group how far we are; Kafka's client commits it within 5 s and on leaving."""
        if self._group is None or self._consumer is None:
            return
        for partition in self._not_stored:
            place = TopicPartition(self._full_name, partition, self._positions[partition])
            with suppress(KafkaException):  # another member has this partition now
                self._consumer.store_offsets(offsets=[place])
        self._not_stored.clear()

    def _open(self) -> Consumer:
        if self._consumer is not None:
            return self._consumer
        consumer = self._connection.open(
            Consumer,
            {
                **_SETTINGS,
                "group.id": self._group or "plainscore-subscriber",  # joined only if given
                "enable.auto.commit": self._group is not None,
                "auto.offset.reset": "latest" if self._from == "end" else "earliest",
            },
        )
        count = self._connection.topics(consumer).get(self._full_name)
        if count is None:
            raise self._connection.missing(self._full_name)
        if self._group is not None:
            consumer.subscribe(
                [self._full_name],
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._revoked,
            )
        else:
            consumer.assign([self._begin(consumer, partition) for partition in self._of(count)])
        self._consumer = consumer
        return consumer

    def _of(self, count: int) -> range:
        if self._citizen is None:
            return range(count)
        partition = partition_of(self._citizen, count)
        return range(partition, partition + 1)

    def _begin(self, consumer: Consumer, partition: int) -> TopicPartition:
        """Settle now where "end" is, so that `positions` is whole from the start."""
        place = TopicPartition(self._full_name, partition)
        if partition not in self._positions:
            start, end = self._connection.ends(consumer, self._full_name, partition)
            self._positions[partition] = end if self._from == "end" else start
        place.offset = self._positions[partition]
        return place

    def _assigned(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        """Settle where "end" is for the group: else it would move on while nobody reads."""
        if self._from != "end":
            return
        with suppress(KafkaException):  # brokers that are away: with the next assignment
            committed = consumer.committed(assigned, timeout=ANSWER_WITHIN)
            new = [place for place in committed if place.error is None and place.offset < 0]
            for place in new:
                _, place.offset = consumer.get_watermark_offsets(place, timeout=ANSWER_WITHIN)
            if new:
                consumer.commit(offsets=new, asynchronous=False)

    def _revoked(self, _: Consumer, revoked: list[TopicPartition]) -> None:
        """Forget what arrived from partitions that another member now reads."""
        gone = {place.partition for place in revoked}
        self._arrived = deque(m for m in self._arrived if m.partition() not in gone)
        self._not_stored -= gone  # another goes on from there, and they may come back to us

    def _leave(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
