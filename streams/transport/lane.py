"""The lane: a batch in, one transaction out, exactly once.

The changelogs are the truth; the folders on disk follow them. Whatever ends without a clear yes is
forgotten, and the way back is the same as on assignment: committed offsets first, then the ends of
the changelogs, then restore to them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams import metrics
from streams.offsets import kept_from
from streams.outage import AGAIN, ASK, KEPT_OUT, passes
from streams.tables.partition import PartitionStore
from streams.topics import full_name
from streams.transport.ages import Ages
from streams.transport.batch import MOST_RECORDS, Batch
from streams.transport.fetched import Place
from streams.transport.out import Out
from streams.transport.part import Held, Part, count, hold_back, in_turn, write_stores
from streams.transport.tries import Tries
from streams.waiting import ANSWER, answered, to_the_end

log = structlog.get_logger(__name__)

NONE = -1  # a generation without partitions
FIRST_RECORDS = 1_000  # in a batch, until it is seen how fast the machine is
FEWEST_RECORDS = 100  # in a batch, however slow it is
LONG = 3.0  # seconds of a transaction; far fewer than Kafka lets one last (transaction.timeout.ms)


class Lane:
    """The partitions that this worker holds, and the transactions on them."""

    on_unclear: Callable[[], None]  # called where a transaction ended so: take all again

    def __init__(
        self, producer_config: Mapping[str, Any], prefix: str, commit_seconds: float
    ) -> None:
        self._config = dict(producer_config)
        self._prefix = prefix
        self._commit_seconds = commit_seconds
        self._took = 0.0  # seconds of the last transaction
        self._producer: Producer | None = None
        self._starting: Producer | None = None  # its open transactions are not all ended yet
        self.tries = Tries()
        self._ages = Ages()
        self.most = FIRST_RECORDS  # in the next batch
        self._running = asyncio.Lock()
        self._next: dict[tuple[str, int], int] = {}  # what was committed of each input
        self._starts: dict[tuple[str, int], int] = {}  # where inputs began, until it is committed
        self.held: dict[int, Held] = {}
        self.generation = NONE
        self.metadata: Any = None

    # ---- the transaction

    @asynccontextmanager
    async def transaction(self, batch: Batch) -> AsyncIterator[Iterable[Part]]:
        """Process a batch's parts in here, each in its turn: all of it counts, or nothing does."""
        async with self._running:
            # 1. begin
            producer = self._begun(batch)
            if producer is None:
                yield []  # it will be read again
                return
            parts = [
                Part(held, held.left + records, Out(producer, self._prefix, number, self._ages))
                for number, records in batch.parts.items()
                for held in [self.held[number]]
            ]
            began = time.monotonic()
            try:
                # 2. process into the overlays, never into RocksDB
                with metrics.commit_phase.labels("process").time():
                    yield in_turn(parts)
                hold_back(batch, parts)
                await to_the_end(self._finish(batch, parts))
                self._took = time.monotonic() - began
                self._fit(len(batch), self._took)
            except KafkaException as error:
                self._give_up(batch, await self._reason(batch, parts, error), parts)
            except SystemError as error:
                fatal = _fatal(error)
                if fatal is None:
                    raise
                self._give_up(batch, fatal, parts)

    def _begun(self, batch: Batch) -> Producer | None:
        """Begin, unless that is refused, or the batch is of an assignment that has ended."""
        producer = self._producer
        if not self.takes(batch) or producer is None:
            return None
        try:
            producer.begin_transaction()
        except KafkaException as error:  # it was fenced since the last one
            self._give_up(batch, error)
            return None
        return producer

    async def _reason(
        self, batch: Batch, parts: list[Part], error: KafkaException
    ) -> KafkaException:
        """Give what a transaction failed for: what Kafka refused of it has the next record refused
        as well, and that error tells of a state alone.
        """
        if error.args[0].code() != KafkaError._STATE:
            return error
        try:
            if self._producer is not None:
                self._producer.poll(0)  # the deliveries until now are told first
            await self._send_offsets(batch, parts)  # it says why; nobody commits them
        except KafkaException as reason:
            return reason
        return error

    def _give_up(self, batch: Batch, error: KafkaException, parts: Iterable[Part] = ()) -> None:
        """Forget a transaction that ended without a clear yes, and its producer."""
        if error.args[0].code() in KEPT_OUT:
            raise self._kept_out(error.args[0], parts)
        metrics.transactions.labels("unclear").inc()
        self.most = max(FEWEST_RECORDS, self.most // 4)  # it may have lasted too long
        why = _told(error, parts)
        log.warning("transaction_unclear", why=why)
        self.tries.failed(_places(batch), why, self._ages.learn())
        self._producer = None
        if self.takes(batch):  # else the partitions are let go anyway
            self.on_unclear()
        self._drop_generation()

    def _kept_out(self, error: KafkaError, parts: Iterable[Part]) -> KafkaException:
        """Name the topics that we may not write to: librdkafka's error may name none."""
        written = {topic for part in parts for topic in part.out.topics}
        admin = AdminClient({**self._config, "log_level": 0})  # its answers end with it
        try:
            topics = kept_from(admin, written)
        except KafkaException:
            topics = []
        named = f"; we may not write to {', '.join(topics)}" if topics else ""
        return KafkaException(KafkaError(error.code(), error.str() + named))

    def _fit(self, records: int, seconds: float) -> None:
        """Fit batches to the machine: a full one that times out would do so again and again."""
        if records <= self.most // 2:
            return  # a small one proves nothing
        if seconds > LONG:
            self.most = max(FEWEST_RECORDS, self.most // 2)
        elif seconds < LONG / 3:
            self.most = min(MOST_RECORDS, self.most * 2)

    async def _finish(self, batch: Batch, parts: list[Part]) -> None:
        producer = self._producer
        assert producer is not None
        # 3. all output is flushed, and the last value of each key in the changelogs with it
        with metrics.commit_phase.labels("produce").time():
            if await answered(producer.flush, ANSWER):
                raise _not_delivered()
        # 4. the input's offsets, with the group's metadata: whoever lost a partition fails here
        with metrics.commit_phase.labels("offsets").time():
            await self._send_offsets(batch, parts)
            # Only now: what Kafka refused has failed the transaction, and this call says why.
            if any(offset < 0 for part in parts for offset in part.offsets.values()):
                raise _not_delivered()
        # 5. commit
        with metrics.commit_phase.labels("commit").time():
            await answered(producer.commit_transaction, ANSWER)
        # 6. one write per partition: its rows, and how far the changelogs are in them
        with metrics.commit_phase.labels("write").time():
            await asyncio.get_running_loop().run_in_executor(None, write_stores, parts)
        self._next.update(batch.positions)
        self._starts = {}
        self.tries.committed(_places(batch))
        count(batch, parts)

    async def _send_offsets(self, batch: Batch, parts: list[Part]) -> None:
        assert self._producer is not None
        # Also where nothing was read: no offset at all would not be looked at.
        fence = {("consents", p.number): self._next["consents", p.number] for p in parts}
        places = [
            TopicPartition(full_name(topic, self._prefix), partition, offset)
            for (topic, partition), offset in (self._starts | fence | batch.positions).items()
        ]
        send = self._producer.send_offsets_to_transaction
        await answered(send, places, self.metadata, ANSWER)

    # ---- partitions

    async def begin(self) -> None:
        """Take a producer if there is none; an open transaction of the one before is aborted."""
        while self._producer is None:
            # Who is cancelled leaves it behind for the next: a second one of the same name would
            # be fenced, or fence this one, whichever the brokers hear last.
            self._starting = self._starting or Producer(self._config)
            try:
                await to_the_end(self._start(self._starting))
            except KafkaException as error:
                if not passes(error.args[0]):
                    self._starting = None
                    raise
                why = error.args[0].str()
                log.warning("broker_asked_again", why=why)
                self.tries.held_up(why)
                await asyncio.sleep(AGAIN)
        self.tries.went_on()

    async def _start(self, starting: Producer) -> None:
        """Start a producer and hand it over, in one: once started it cannot be started again."""
        run = asyncio.get_running_loop().run_in_executor
        await run(None, starting.init_transactions, ASK)
        self._producer, self._starting = starting, None

    def _drop_generation(self) -> None:
        """Let no batch that was read until now be processed any more."""
        self.generation = NONE
        for held in self.held.values():
            held.forget()

    async def take(
        self,
        generation: int,
        metadata: Any,
        held: Iterable[Held],
        offsets: Mapping[tuple[str, int], int],
    ) -> None:
        """Take partitions that are restored; offsets: where their inputs go on, by place."""
        self.held = {each.number: each for each in held}  # at once: from now on they are closed
        async with self._running:
            self.generation, self.metadata = generation, metadata
            self._next = dict(offsets)
            # Also of quiet topics: what Kafka deleted unread would else be missed once more.
            self._starts = dict(offsets)
            self.tries.only(self.held)

    def shut(self) -> None:
        """Let no batch in any more: the partitions are let go next."""
        self.generation = NONE

    async def leave(self) -> None:
        """Wait for the end of a transaction that is running, and let all partitions go."""
        self.shut()
        async with self._running:
            self.generation = NONE
            held, self.held = self.held, {}
            for each in held.values():
                each.forget()
                metrics.drop(each.number)
            stores = [each.store for each in held.values()]
            await to_the_end(asyncio.get_running_loop().run_in_executor(None, _close, stores))

    def takes(self, batch: Batch) -> bool:
        """Tell whether a batch is of the assignment that holds now."""
        return batch.generation == self.generation != NONE

    def is_busy(self) -> bool:
        """Tell whether a transaction runs."""
        return self._running.locked()

    async def idle(self) -> None:
        """Wait until no transaction runs."""
        async with self._running:
            pass

    @property
    def gathering(self) -> float:
        """Seconds in which to gather a batch whose first record is to be committed in time.

        At least half of that time: else transactions would follow each other ever faster on brokers
        that are slow already.
        """
        return max(self._commit_seconds / 2, self._commit_seconds - self._took)

    @property
    def room(self) -> int:
        """How many records the next batch may hold beside those that are left."""
        return self.most - sum(len(held.left) for held in self.held.values())

    @property
    def pending(self) -> list[int]:
        """The partitions in which work is left though nothing arrives."""
        if self.generation == NONE:
            return []
        return [held.number for held in self.held.values() if held.pending]


def _fatal(error: SystemError) -> KafkaException | None:
    """Give the fatal error of Kafka that is behind one of Python's, None if none is.

    confluent-kafka calls on_delivery with a fatal error set, and Python minds that; or that error
    is gone by the time at which it should be raised.
    """
    if isinstance(error.__cause__, KafkaException):
        return error.__cause__
    if "without setting an exception" in str(error):
        return KafkaException(KafkaError(KafkaError._FATAL, str(error)))
    return None


def _not_delivered() -> KafkaException:
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, "output was not delivered"))


def _told(error: KafkaException, parts: Iterable[Part]) -> str:
    """Say what a transaction failed for, and which topics took nothing of it: few errors do."""
    refused = {topic: why for part in parts for topic, why in part.out.refused.items()}
    return "; ".join([error.args[0].str(), *map(": ".join, sorted(refused.items()))])


def _places(batch: Batch) -> Collection[Place]:
    """Give what a batch would bring on: places, or partitions in which it does other work."""
    return batch.positions or [("", number) for number in batch.parts]


def _close(stores: Iterable[PartitionStore]) -> None:
    for store in stores:
        store.close()
