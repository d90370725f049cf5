"""Faust's Consumer, whose member of the group is librdkafka's: one message is one batch.

Faust keeps the app, the agents and their lifecycle. Offsets are the lane's: what Faust would
acknowledge and commit is committed with the transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, TypeVar

import structlog
from confluent_kafka import KafkaException
from faust.transport import consumer as base
from faust.types import TP, ConsumerMessage, Message

from streams.errors import BadUsage, PlainscoreError
from streams.outage import AGAIN, passes
from streams.topics import INPUTS
from streams.transport.batch import Batch
from streams.transport.member import Member

log = structlog.get_logger(__name__)

T = TypeVar("T")
FETCH = 1.0  # seconds that a fetch waits for a first record
LEAVING = 60.0  # seconds that a rebalance waits for the running transaction


class Consumer(base.Consumer):
    """The consumer of a worker; `transport.lane` and `transport.restore` are its neighbours."""

    logger = base.logger
    consumer_stopped_errors = ()

    transport: Any
    app: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan = self.transport.plan
        self.lane = self.transport.lane
        self.member = Member(
            plan.consumer_config,
            plan.admin_config,
            plan.prefix,
            lambda: self.lane.gathering,
            self.lane.is_busy,
            on_assigned=self._assigned_in_member,
            on_revoked=self._revoked_in_member,
            on_failed=self._failed_in_member,
        )
        self._assigned: set[TP] = set()
        self._taking: asyncio.Task[None] | None = None
        self._rebalance = asyncio.Lock()  # rebalances come one after the other, as the group's do
        self._leaving = False  # no partition is taken any more

    # ---- lifecycle

    async def on_start(self) -> None:
        """Start the member; it joins the group when Faust subscribes."""
        self.lane.on_unclear = self._unclear
        await self.lane.begin()
        if not self._leaving:
            self.member.start()

    async def on_stop(self) -> None:
        """Finish the running transaction, and leave the group."""
        self._leaving = True
        self.lane.shut()
        await self._settle()
        await self.lane.leave()
        if self.member.is_alive():
            self.member.stop()
            await asyncio.get_running_loop().run_in_executor(None, self.member.join, 10)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group, for all input topics: those that the agents read."""
        await asyncio.wrap_future(self.member.call(lambda: self.member.subscribe(INPUTS)))

    # ---- batches

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Give the next batch as one message."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        seconds = 0.0 if self.lane.pending else min(timeout, FETCH)
        batch, room = None, self.lane.room
        if room > 0 or not self.lane.pending:
            fetching = self.member.call(lambda: self.member.fetch(seconds, max(room, 1)))
            batch = await asyncio.wrap_future(fetching)
        pending = self.lane.pending
        if batch is None and pending:
            batch = Batch(self.lane.generation)
        if batch is None or not self.flow_active or not self.lane.takes(batch):
            return
        for partition in pending:
            batch.parts.setdefault(partition, [])
        if batch.parts:
            place = TP(self.transport.plan.first_topic, next(iter(batch.parts)))
            yield place, self._to_message(place, batch)
            if pending:  # the work that this batch does must end before more is asked of it
                await self.lane.idle()

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        message = ConsumerMessage(tp.topic, tp.partition, -1, 0.0, 0, {}, None, record, None, tp=tp)
        # Streams pass over a message of another generation of the app.
        message.generation_id = self.app.consumer_generation_id
        return message

    # ---- assignment

    def _assigned_in_member(self, partitions: set[int], generation: int) -> None:
        asyncio.run_coroutine_threadsafe(self._assign(partitions, generation), self.loop)

    def _revoked_in_member(self) -> None:
        done = asyncio.run_coroutine_threadsafe(self._revoke(), self.loop)
        try:
            done.result(LEAVING)
        except Exception as error:  # the group goes on; the commit would be refused
            log.error("revoke_failed", why=repr(error))

    def _failed_in_member(self, error: BaseException) -> None:
        asyncio.run_coroutine_threadsafe(self._fail(error), self.loop)

    async def _assign(self, partitions: set[int], generation: int) -> None:
        async with self._rebalance:
            if not self._owns(generation):
                return
            try:
                inputs = self.transport.plan.topics
                self._assigned = {TP(topic, number) for topic in inputs for number in partitions}
                self.app.on_rebalance_start()
                self.app.consumer_generation_id = generation
                await self.on_partitions_assigned(self._assigned, generation)
                await self._settle()
                if self._owns(generation):  # that took a while
                    self._taking = asyncio.ensure_future(self._take(generation, partitions))
            except Exception as error:
                await self._fail(error)

    def _owns(self, generation: int) -> bool:
        """Tell whether an assignment still holds: what is revoked or lost may not be opened."""
        return not self._leaving and generation == self.member.assignment

    async def _revoke(self) -> None:
        async with self._rebalance:
            self.lane.shut()  # first: a transaction that fails now must not begin to take again
            await self._settle()
            await self.lane.leave()
            self.transport.on_gone()
            revoked, self._assigned = self._assigned, set()
            self.app.on_rebalance_start()
            await self.on_partitions_revoked(revoked)

    def _unclear(self) -> None:
        """Take the way back after a transaction without a clear yes."""
        self._taking = asyncio.ensure_future(self._again(self._taking))

    async def _again(self, before: asyncio.Task[None] | None) -> None:
        """Stop reading at once, wait longer and longer if nothing helps, and take all again."""
        if before is not None:
            await asyncio.wait([before])
        try:
            generation = await asyncio.wrap_future(self.member.call(self.member.halt))
            await asyncio.sleep(self.lane.tries.pause)
        except Exception as error:  # nobody waits for this task: it would stand still unnoticed
            await self._fail(error)
            return
        await self._take(generation, {tp.partition for tp in self._assigned})

    async def _settle(self) -> None:
        """End the taking of partitions, if it is under way: they are another's soon."""
        taking, self._taking = self._taking, None
        if taking is not None:
            taking.cancel()
            await asyncio.wait([taking])

    async def _take(self, generation: int, partitions: set[int]) -> None:
        """Committed offsets first, then the changelogs' ends, then restore; then read on."""
        member, lane = self.member, self.lane
        try:
            await lane.leave()
            await lane.begin()
            offsets = await self._asked(member.committed)
            held = await self.transport.restore(sorted(partitions))
            self.app.tables.overlays = {each.number: each.overlay for each in held}
            await lane.take(generation, member.metadata, held, offsets)
            if any(each.counted.citizens and each.number in member.unread for each in held):
                raise self._no_positions()
            reading = member.call(lambda: member.read_from(generation, offsets))
            if await asyncio.wrap_future(reading):
                self.transport.on_ready(sorted(partitions))
        except Exception as error:
            await self._fail(error)

    def _no_positions(self) -> BadUsage:
        """Refuse to read consents from the start where later ones are in force already.

        An earlier one would be in force again, for a moment, and erase what it does not cover: for
        good, as the topics hold events for some days only.
        """
        return BadUsage(
            "The group has no positions in the topics whose records the changelogs hold already",
            where=f"group {self.transport.plan.consumer_config['group.id']}",
            next_step="Set PLAINSCORE_GROUP to the group that scored until now. If Kafka has lost "
            "its positions, set them to when it last ran: kafka-consumer-groups.sh "
            "--reset-offsets --to-datetime, for all input topics.",
        )

    async def _asked(self, question: Callable[[], T]) -> T:
        """Have the member ask the brokers; again, while the errors are such as pass."""
        while True:
            try:
                return await asyncio.wrap_future(self.member.call(question))
            except KafkaException as error:
                if not passes(error.args[0]):
                    raise
                log.info("broker_asked_again", why=error.args[0].str())
            await asyncio.sleep(AGAIN)

    async def _fail(self, error: BaseException) -> None:
        """End the worker: what it was doing cannot go on."""
        if self._leaving:
            log.warning("failed_while_leaving", why=repr(error))
            return
        if not isinstance(error, PlainscoreError):
            log.error("assignment_failed", why=repr(error))
        await self.crash(error)

    def assignment(self) -> set[TP]:
        """Give what the group has assigned."""
        return self._assigned

    # ---- what is the lane's: Faust's own offsets are not kept

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Offsets are committed with the lane's transactions."""
        return True

    def ack(self, message: Message) -> bool:
        """Nothing is acknowledged one by one."""
        message.acked = True
        return True

    def track_message(self, message: Message) -> None:
        """Nothing waits for an acknowledgement."""

    async def wait_empty(self) -> None:
        """Wait for the end of the running transaction."""
        await self.lane.idle()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """The lane has sought its own offsets."""
        return {}

    async def perform_seek(self) -> None:
        """The lane has sought its own offsets."""

    async def _seek(self, partition: TP, offset: int) -> None:
        raise NotImplementedError("offsets are the lane's")

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Offsets are the lane's."""
        raise NotImplementedError("offsets are the lane's")

    async def seek_to_beginning(self, *partitions: TP) -> None:
        """Offsets are the lane's."""
        raise NotImplementedError("offsets are the lane's")

    async def position(self, tp: TP) -> int | None:
        """Offsets are the lane's."""
        return None

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        raise NotImplementedError("batches come from getmany")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def highwater(self, tp: TP) -> int:
        """Lag is measured in metrics."""
        return 0

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Lag is measured in metrics."""
        return {}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Restoring is the lane's."""
        return {}

    def topic_partitions(self, topic: str) -> int | None:
        """All topics have one partition count."""
        return int(self.transport.plan.partitions)

    def key_partition(
        self, topic: str, key: bytes | None, partition: int | None = None
    ) -> int | None:
        """Records are placed by their producers."""
        return partition

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Topics are made by `plainscore topics apply`."""
