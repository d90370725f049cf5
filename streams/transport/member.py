"""The member of the group: the one thread that owns librdkafka's consumer.

Others hand it calls through a queue. It keeps polling, so that the group's protocol goes on, also
while nothing is fetched; then its partitions are paused.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog
from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from streams import metrics
from streams.errors import BadUsage
from streams.offsets import EARLIEST, LATEST, list_offsets, topic_ids
from streams.outage import ASK, KEPT_OUT
from streams.topics import GATE, INPUTS, bare_name, full_name
from streams.transport.batch import MOST_BYTES, MOST_RECORDS, Batch
from streams.transport.fetched import Fetched, Place

log = structlog.get_logger(__name__)

T = TypeVar("T")

IDLE = 1.0  # seconds without a fetch, after which the group's protocol must be served all the same
WAIT = 0.05  # seconds that one poll waits
AT_ONCE = 1_000  # messages at most that are taken from librdkafka in one call
LOOK = 0.005  # seconds between two looks whether the batch before is done
APART = 10.0  # seconds at least between two times that the group takes us for our former self
NAMESAKE = 3  # times that it does so one soon after the other: that is another worker


class Member(threading.Thread):
    """Fetches batches for the partitions that the group gives it.

    `gather_seconds()` says how far apart batches are at least, where they are not full; `is_busy()`
    tells whether the batch before is still worked on;
    `on_assigned(partitions, generation)` is called in this thread and must not block;
    `on_revoked()` blocks until nobody works on the partitions any more; `on_failed(error)` says
    what ended the thread before anybody stopped it.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        admin_config: Mapping[str, Any],
        prefix: str,
        gather_seconds: Callable[[], float],
        is_busy: Callable[[], bool],
        on_assigned: Callable[[set[int], int], None],
        on_revoked: Callable[[], None],
        on_failed: Callable[[BaseException], None],
    ) -> None:
        super().__init__(name="member", daemon=True)
        self._config = dict(config)
        self._consumer = Consumer(self._config)
        self._admin_config = dict(admin_config)
        self._admin = AdminClient(self._admin_config)
        self._prefix = prefix
        self._topics: list[str] = []  # as Kafka knows them
        self._gather_seconds = gather_seconds
        self._is_busy = is_busy
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._on_failed = on_failed
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._ended: BaseException | None = None  # set: no call is served any more
        self._fetched = Fetched(prefix)
        self._places: list[Place] = []  # what the group has assigned
        self._ids: dict[str, str] = {}  # of the topics that they were taken in
        self._missed: dict[Place, int] = {}  # records that Kafka has deleted before we read them
        self._reading = False  # between `read_from` and the end of a generation
        self._paused = False
        self._noted = 0.0
        self._last_batch = 0.0  # when it was handed over
        self._fenced = 0  # times that the group knew a later member of this name, each soon again
        self._fenced_at = 0.0
        self.generation = 0
        self.assignment = 0  # the generation in which the group last gave or took partitions
        self.metadata: Any = None  # of the group, for the transaction: taken on assignment
        self.unread: set[int] = set()  # partitions of whose consents the group has read none yet

    # ---- from other threads

    def call(self, function: Callable[[], T]) -> "Future[T]":
        """Have a function called in this thread; it is served within about WAIT."""
        future: Future[T] = Future()
        self._calls.put((function, future))
        if self._ended is not None:
            self._refuse(self._ended)
        return future

    def stop(self) -> None:
        """Leave the group and end the thread."""
        self._calls.put(None)

    # ---- in this thread

    def run(self) -> None:
        """Serve calls and the group's protocol until stopped."""
        ended: BaseException = RuntimeError("the worker has left the group")
        try:
            self._serve()
        except BaseException as error:
            self._on_failed(error)
            ended = error
        self._ended = ended
        self._refuse(ended)
        self._consumer.close()

    def _serve(self) -> None:
        last = time.monotonic()
        while True:
            try:
                call = self._calls.get(timeout=WAIT)
            except Empty:
                if not self._reading or time.monotonic() - last > IDLE:
                    self._idle()
                continue
            if call is None:
                return
            function, future = call
            last = time.monotonic()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:  # the caller gets it
                future.set_exception(error)

    def _refuse(self, why: BaseException) -> None:
        """Answer calls that came too late."""
        with suppress(Empty):
            while True:
                call = self._calls.get_nowait()
                if call is not None and call[1].set_running_or_notify_cancel():
                    call[1].set_exception(why)

    def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group."""
        self._topics = [full_name(topic, self._prefix) for topic in topics]
        self._join()

    def _join(self) -> None:
        self._consumer.subscribe(
            self._topics,
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._revoked,
        )

    def committed(self) -> dict[Place, int]:
        """Ask for the committed offsets of all places; KafkaException while they are not stable.

        An open transaction's end is waited for, which may be long: ask again, so that the group's
        protocol, and who wants to stop, are served in between.
        """
        if not self._places:
            return {}
        ids = topic_ids(self._admin, self._topics)
        partitions = [self._where(place) for place in self._places]
        asked = self._consumer.committed(partitions, timeout=ASK)
        for each in asked:
            if each.error is not None:  # to read from the start for that would turn back the gate
                raise KafkaException(each.error)
        offsets = {self._place(each): each.offset for each in asked}
        starts = self._asked(dict.fromkeys(offsets, EARLIEST))
        ends = self._asked(dict.fromkeys(offsets, LATEST))
        anew = {self._bare(name) for name, before in self._ids.items() if ids[name] != before}
        new = {number for (topic, number), at in offsets.items() if topic == "consents" and at < 0}
        self.unread = set() if "consents" in anew else new
        for (topic, number), offset in offsets.items():
            if topic in anew:  # the position was one in the topic before
                offsets[topic, number] = -1
            elif offset > ends[topic, number]:
                offsets[topic, number] = self._beyond(topic, number, offset)
        self._ids = ids
        self._missed = {p: starts[p] - at for p, at in offsets.items() if 0 <= at < starts[p]}
        return {place: max(at, starts[place]) for place, at in offsets.items()}

    def _beyond(self, topic: str, number: int, position: int) -> int:
        """Give the position in place of one beyond the topic's end; refuse to find one in the gate.

        To read events again changes nothing. Earlier consents and shares would be in force again,
        for a moment: they would erase, and show to others, what later ones keep.
        """
        if topic in GATE:
            raise _beyond_the_end(full_name(topic, self._prefix), number, self._config["group.id"])
        log.warning(
            "topic_read_again",
            topic=topic,
            partition=number,
            position=position,
            why="the group's position lies beyond its end: Kafka has lost records of it, or it was "
            "made anew",
        )
        return -1

    def read_from(self, generation: int, offsets: Mapping[Place, int]) -> bool:
        """Begin to read at these offsets; False if the assignment is no longer the same.

        Where to begin is always a number, and told to librdkafka with the partition: its `seek`
        forgets itself if the answer to a look-up ("the end", "the beginning") comes after it.
        """
        if generation != self.generation:
            return False
        self._fetched.begin(offsets)
        missed, self._missed = self._missed, {}
        for (topic, partition), records in missed.items():
            metrics.missed(topic, records)
            log.error(
                "records_deleted_unread",
                topic=topic,
                partition=partition,
                at_most=records,  # offsets: some may be marks of transactions
                why="their retention ended, or somebody had Kafka delete them",
                next_step="Have their senders send them again: repeats change nothing. Give the "
                "topic a retention.ms longer than workers may be down or behind.",
            )
        for (topic, partition), offset in offsets.items():
            metrics.lag.reached(topic, partition, offset, 0)
        places = [self._where(place, offset) for place, offset in offsets.items()]
        self._consumer.assign(places)
        self._consumer.resume(places)  # what was paused stays so otherwise
        self._paused, self._reading = False, True
        return True

    def halt(self) -> int:
        """Stop reading, forget what was fetched, and begin a new generation."""
        self._consumer.assign([])
        return self._begin_generation()

    # ---- batches

    def fetch(self, seconds: float, most: int = MOST_RECORDS) -> Batch | None:
        """Gather a batch; None if nothing came in time, or if the assignment changed."""
        if self._reading and time.monotonic() - self._noted > IDLE:
            self._noted = time.monotonic()
            self._note_ends()
            self._note_topics()
        if not self._reading:
            self._idle()
            time.sleep(WAIT / 10)
            return None
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False
        generation = self.generation
        deadline = time.monotonic() + seconds
        fetched = self._fetched
        while not len(fetched):
            if self.generation != generation or time.monotonic() > deadline or self._called():
                return None
            self._consume(1, WAIT if seconds else 0)
        if len(fetched) < most and not fetched.full:  # who comes after a pause waits for nobody
            left = self._last_batch + self._gather_seconds() - time.monotonic()
            self._consume(most - len(fetched), max(left, 0))
        while (  # small batches would queue up before the lane, each with a transaction's cost
            self._is_busy()
            and len(fetched) < most
            and not fetched.full
            and self.generation == generation
            and not self._called()
        ):
            self._consume(most - len(fetched), LOOK)
        ready = min(len(fetched.others), most)  # what comes later asks for ends of its own
        topics = self._read_gate(most)
        if not topics or self.generation != generation:
            return None
        self._last_batch = time.monotonic()
        return fetched.cut(generation, topics, ready)

    def _called(self) -> bool:
        return not self._calls.empty()

    def _consume(self, most: int, seconds: float) -> None:
        """Fetch up to so many messages, and few at once where they are large."""
        generation, until = self.generation, time.monotonic() + seconds
        while True:
            few = min(most, AT_ONCE, max(1, MOST_BYTES // self._fetched.largest))
            messages = self._consumer.consume(few, max(0.0, until - time.monotonic()))
            if self.generation != generation:  # they are of partitions that may be another's by now
                messages = [each for each in messages if each.error() is not None]
            self._keep(messages)
            most -= few
            if len(messages) < few or not most or self._fetched.full:
                return

    def _keep(self, messages: list[Message]) -> None:
        for message in self._fetched.keep(messages):
            error = message.error()
            if error.code() in KEPT_OUT:  # librdkafka would ask on for ever
                raise KafkaException(error)
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                self._take_again(f"{message.topic()} no longer holds what comes next")
            elif error.code() != KafkaError._FATAL:
                log.warning("fetch_failed", topic=message.topic(), why=error.str())
            elif _SAME_NAME not in error.str():
                raise KafkaException(error)
            else:
                self._join_again()

    def _take_again(self, why: str) -> None:
        """Take the partitions anew, as if the group had just given them."""
        if not self._reading:  # it is under way
            return
        log.warning("taking_again", why=why)
        partitions = self._consumer.assignment()
        self._let_go()  # and still know the topics: `committed` asks whether they are the same
        self._assigned(self._consumer, partitions)

    def _join_again(self) -> None:
        """Join as a new consumer: this one has ended, as one of its name has joined after it.

        Nearly always that is itself: where it was too long without the group's broker it joins once
        more, and takes a late answer to what it asked before for the end. That may come with each
        broker that is replaced. Only another worker does so again and again, at once. Kafka tells
        nobody which of the two it is.
        """
        now = time.monotonic()
        self._fenced = self._fenced + 1 if now - self._fenced_at < APART else 1
        self._fenced_at = now
        if self._fenced >= NAMESAKE:
            raise _taken()
        log.warning("joining_again", why="the group knows a later member of this worker's name")
        self._consumer.close()
        self._revoked(self._consumer, [])
        self._consumer = Consumer(self._config)
        self._join()

    def _read_gate(self, most: int) -> tuple[str, ...]:
        """Read consents, then shares, to the ends that they have now: after the rest was fetched.

        Kafka does not order topics among each other. Who waited for a consent's acknowledgement
        and then sent events must not lose them. Where an end lies behind an open transaction, it
        is waited for, since what was acknowledged stands behind it too. Gives the topics of which
        a batch may be made: where the way is long only those before which nothing is missing, and
        none if a call must be served first.
        """
        generation = self.generation
        fetched = self._fetched
        others = {record.partition for record in fetched.others}
        behind = {
            "consents": others | {record.partition for record in fetched.gate["shares"]},
            "shares": others,
        }
        ends = self._ends(behind)
        if ends is None:
            return ()
        read = fetched.reached
        if any(read.get(place, 0) > end for of in ends.values() for place, end in of.items()):
            self._take_again("consents or shares end before what was read of them")
            return ()
        held_back: list[TopicPartition] = []
        try:
            for number, topic in enumerate(GATE, 1):
                while any(read.get(place, 0) < end for place, end in ends[topic].items()):
                    if len(fetched.gate[topic]) >= most or fetched.bytes[topic] >= MOST_BYTES:
                        return GATE[:number]
                    self._consume(most, WAIT)
                    if self.generation != generation or self._called():
                        return ()
                    if not held_back and (len(fetched.others) > MOST_RECORDS or fetched.full):
                        held_back = self._outside_the_gate()
                        self._consumer.pause(held_back)
            return INPUTS
        finally:
            if held_back and self.generation == generation:
                self._consumer.resume(held_back)

    def _outside_the_gate(self) -> list[TopicPartition]:
        return [each for each in self._consumer.assignment() if self._bare(each.topic) not in GATE]

    def _ends(
        self, partitions: Mapping[str, Collection[int]]
    ) -> dict[str, dict[Place, int]] | None:
        """Ask where topics end now, by topic, until the broker answers.

        None if the assignment changed, or if a call must be served first: without an answer nobody
        knows whether a consent is missing.
        """
        generation = self.generation
        asked = {
            (topic, partition): LATEST
            for topic, numbers in partitions.items()
            for partition in numbers
        }
        while True:
            try:
                found = self._asked(asked)
                break
            except KafkaException as error:
                log.warning("broker_asked_again", why=error.args[0].str())
                self._consume(MOST_RECORDS, IDLE)
                if self.generation != generation or self._called():
                    return None
        ends: dict[str, dict[Place, int]] = {topic: {} for topic in partitions}
        for place, end in found.items():
            ends[place[0]][place] = end
        return ends

    def _asked(self, places: Mapping[Place, OffsetSpec]) -> dict[Place, int]:
        """Ask once where places begin or end; KafkaException without an answer."""
        asked = {self._where(place): spec for place, spec in places.items()}
        try:
            found = list_offsets(self._admin, asked)
        except KafkaException:
            # This client would go on to name the leaders of before a broker's restart.
            self._admin = AdminClient(self._admin_config)
            raise
        return {self._place(where): offset for where, offset in found.items()}

    def _note_ends(self) -> None:
        """Tell the metrics how far the input reaches, as librdkafka has last heard."""
        for place, reached in self._fetched.reached.items():
            _, end = self._consumer.get_watermark_offsets(self._where(place), cached=True)
            if end >= 0:  # what lies between the last record and the end is no record
                end = self._fetched.after_last[place] if reached >= end else end
                metrics.lag.end(*place, end)

    def _note_topics(self) -> None:
        """Take a topic that was deleted and made again for another: no offset tells of it.

        librdkafka goes on where it was in the one before, if the new one is as long.
        """
        if not self._ids:  # no partition is held
            return
        try:
            ids = topic_ids(self._admin, self._topics)
        except KafkaException:  # asked again soon
            return
        if ids != self._ids:
            self._take_again("a topic was deleted and made again")

    def _idle(self) -> None:
        """Serve the group's protocol while nothing is fetched."""
        if self._reading and not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        message = self._consumer.poll(0)
        if message is not None:
            self._keep([message])

    # ---- the group's protocol

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Nothing is asked of the brokers here. A dead member's transaction keeps offsets unstable
        # for up to 20 s, in which neither the group nor who wants to stop would be served.
        self.metadata = consumer.consumer_group_metadata()
        consumer.assign([])  # none is read until `read_from` says where to begin
        self._places = self._whole([self._place(each) for each in partitions])
        self.assignment = self._begin_generation()
        self._on_assigned({number for _, number in self._places}, self.generation)

    def _whole(self, places: list[Place]) -> list[Place]:
        """Leave out partitions of which another topic's part is nobody's, or another member's.

        So it is where a topic was raised, or deleted, while workers run: two of them would write
        one partition's changelogs side by side.
        """
        topics = Counter(number for _, number in places)
        torn = sorted(number for number, found in topics.items() if found < len(self._topics))
        if torn:
            log.error(
                "partitions_left_alone",
                partitions=torn,
                why="this worker was not given them of every topic",
                next_step="Compare the topics' numbers of partitions: plainscore topics plan",
            )
        return [place for place in places if place[1] not in torn]

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._ids = {}
        self._let_go()

    def _let_go(self) -> None:
        """Stop reading the partitions, and wait until nobody works on them any more."""
        self._places = []
        self.assignment = self._begin_generation()
        self._on_revoked()

    def _begin_generation(self) -> int:
        """Forget what was fetched, and read nothing until `read_from`; gives the generation."""
        self._reading = False
        self._fetched.begin({})
        self.generation += 1
        return self.generation

    def _where(self, place: Place, offset: int = OFFSET_INVALID) -> TopicPartition:
        topic, partition = place
        return TopicPartition(full_name(topic, self._prefix), partition, offset)

    def _place(self, where: TopicPartition) -> Place:
        return self._bare(where.topic), where.partition

    def _bare(self, topic: str) -> str:
        return bare_name(topic, self._prefix)


def _taken() -> BadUsage:
    return BadUsage(
        "Another worker has started under this one's name, and goes on in its place",
        where="the state folder of one is a copy of the other's",
        next_step="Delete the copy and start that worker again: it takes a name of its own.",
    )


def _beyond_the_end(topic: str, number: int, group: str) -> BadUsage:
    return BadUsage(
        f"The group's position lies beyond the end of {topic}, partition {number}: the topic was "
        "deleted and made again, or Kafka has lost the last of it",
        where=f"group {group}",
        next_step="Set its position with kafka-consumer-groups.sh --reset-offsets: --to-earliest "
        "if the topic was made again, else --to-latest. Then publish again what is missing.",
    )


_SAME_NAME = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()
