"""What the group's member does where librdkafka or a broker is late, or takes it for another."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from streams.app import consumer_config
from streams.client import admin
from streams.embedded import Broker
from streams.memory import split
from streams.outage import passes
from streams.settings import Settings
from streams.topics import GATE, INPUTS
from streams.transport.batch import MOST_BYTES, MOST_RECORDS, Batch
from streams.transport.member import Member
from streams.transport.name import take_name
from tests.lane_world import PARTITIONS, wait_for

pytestmark = pytest.mark.faults

BEFORE, SINCE = 20, 5  # records of each partition
LARGE = 30  # records of each partition
MANY, MOST = 1_000, 100  # records of each partition, and in a batch
READ = 5  # of them, according to the group's offsets
SILENT = 3.0  # seconds: longer than a question waits for its answer


class Group:
    """A member, and what it has told of its partitions."""

    def __init__(self, broker: Broker, prefix: str, folder: Path) -> None:
        admin.apply(broker.bootstrap, prefix=prefix, partitions=PARTITIONS, replication=1)
        settings = Settings(
            brokers=broker.bootstrap, prefix=prefix, state_dir=folder, group=prefix + "group"
        )
        self.broker, self.prefix = broker, prefix
        self.busy_until = 0.0  # by the monotonic clock
        self.given: list[int] = []  # generations in which it was given partitions
        self.last: set[int] = set()  # the partitions that it was given last
        self.failed: list[BaseException] = []
        name, memory = take_name(folder, settings.group), split(settings.memory_mib, PARTITIONS)
        self.config = consumer_config(settings, name, memory)
        self.member = Member(
            self.config,
            settings.librdkafka,
            prefix,
            lambda: 0.01,
            is_busy=lambda: time.monotonic() < self.busy_until,
            on_assigned=self._assigned,
            on_revoked=lambda: None,
            on_failed=self.failed.append,
        )

    def _assigned(self, partitions: set[int], generation: int) -> None:
        self.last = partitions
        self.given.append(generation)

    def call(self, function: Callable[[], Any]) -> Any:
        """Have the member do something, and wait for it."""
        return self.member.call(function).result(30)

    def begin(self, read: int) -> None:
        """Begin to read, in each partition of purchases at an offset."""
        offsets = {(topic, number): 0 for topic in INPUTS for number in range(PARTITIONS)}
        offsets |= {("purchases", number): read for number in range(PARTITIONS)}
        assert self.call(lambda: self.member.read_from(self.given[-1], offsets))

    def batches(self, records: int, most: int = MOST_RECORDS) -> list[Batch]:
        """Fetch until so many records came, or for half a minute."""
        batches: list[Batch] = []
        until = time.monotonic() + 30
        while sum(map(len, batches)) < records and time.monotonic() < until:
            batch = self.call(lambda: self.member.fetch(0.5, most))
            if batch is not None:
                batches.append(batch)
        return batches

    def read(self, records: int) -> list[int]:
        """Read until so many came; gives how many of each partition."""
        read = [0] * PARTITIONS
        for batch in self.batches(records):
            for number, of_partition in batch.parts.items():
                read[number] += len(of_partition)
        return read

    def namesake(self) -> Consumer:
        """Have another consumer join under the member's name."""
        consumer = Consumer(self.config)
        consumer.subscribe([self.prefix + topic for topic in INPUTS])
        return consumer

    def publish(self, records: int, topic: str = "purchases", value: bytes = b"any") -> None:
        """Send so many records to each partition of a topic."""
        producer = Producer({"bootstrap.servers": self.broker.bootstrap})
        for number in range(PARTITIONS):
            for _ in range(records):
                producer.produce(self.prefix + topic, value, b"any", partition=number)
        assert producer.flush(30) == 0


@contextmanager
def joined(group: Group) -> Iterator[Member]:
    """The member in its group; it leaves in the end."""
    group.member.start()
    try:
        group.call(lambda: group.member.subscribe(INPUTS))
        yield group.member
    finally:
        group.member.stop()
        group.member.join(30)
        assert not group.member.is_alive()


@contextmanager
def given_partitions(group: Group) -> Iterator[None]:
    """The member in its group, that has its partitions."""
    with joined(group):
        wait_for(lambda: group.given, 30, "the partitions are given")
        yield


@contextmanager
def frozen(broker: Broker) -> Iterator[None]:
    """Stop a broker for a while."""
    signalled(broker, signal.SIGSTOP)
    try:
        yield
    finally:
        signalled(broker, signal.SIGCONT)


def signalled(broker: Broker, number: signal.Signals) -> None:
    """Send a signal to a broker."""
    for process in broker.processes():
        os.kill(process, number)


def test_nothing_is_passed_over_where_a_broker_answers_late_while_partitions_are_taken(
    prefix: str, tmp_path: Path
) -> None:
    """A late answer to an earlier question must not move what is read after it."""
    with Broker() as broker:
        group = Group(broker, prefix, tmp_path)
        group.publish(BEFORE)
        go_on, held_up = threading.Event(), threading.Event()
        assigned = group.member._assigned

        def assigned_in_a_freeze(*arguments: Any) -> None:
            held_up.set()
            go_on.wait(30)
            assigned(*arguments)

        group.member._assigned = assigned_in_a_freeze  # type: ignore[method-assign]
        with joined(group):
            assert held_up.wait(30)
            with frozen(broker):
                go_on.set()
                wait_for(lambda: group.given, 10, "the partitions are given")
                group.begin(READ)
                time.sleep(0.2)
            time.sleep(0.2)
            group.publish(SINCE)
            assert (
                group.read(PARTITIONS * (BEFORE + SINCE - READ))
                == [BEFORE + SINCE - READ] * PARTITIONS
            )


def test_offsets_are_asked_for_until_the_transaction_that_holds_them_has_ended(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """Those from before it would have its records processed twice, if it is committed after all."""
    group = Group(broker, prefix, tmp_path)
    with given_partitions(group):
        before = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": prefix})
        before.init_transactions(30)
        before.begin_transaction()
        group.publish(BEFORE)
        place = TopicPartition(f"{prefix}purchases", 0, READ)
        before.send_offsets_to_transaction([place], group.member.metadata, 30)
        with pytest.raises(KafkaException) as unstable:
            group.call(group.member.committed)
        assert passes(unstable.value.args[0])
        before.commit_transaction(30)
        assert group.call(group.member.committed)["purchases", 0] == READ


def test_consents_that_come_in_masses_do_not_make_a_batch_larger_than_it_may_be(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """A transaction of more would last longer than Kafka lets one last."""
    group = Group(broker, prefix, tmp_path)
    with given_partitions(group):
        group.begin(0)
        group.publish(MANY, "consents")
        group.busy_until = time.monotonic() + 2
        read = [len(batch) for batch in group.batches(MANY * PARTITIONS, MOST)]
    assert sum(read) == MANY * PARTITIONS
    assert max(read) <= 2 * MOST


def test_large_records_make_small_batches(broker: Broker, prefix: str, tmp_path: Path) -> None:
    """Else a thousand of a megabyte each would be in hand at once, and again after each restart."""
    group = Group(broker, prefix, tmp_path)
    with given_partitions(group):
        group.publish(LARGE, value=b"x" * 900_000)
        group.begin(0)
        group.busy_until = time.monotonic() + 2
        batches = group.batches(LARGE * PARTITIONS)
    assert sum(map(len, batches)) == LARGE * PARTITIONS
    assert max(map(len, batches)) * 900_000 < 2 * MOST_BYTES


def test_events_wait_for_consents_while_a_broker_gives_no_answer(
    prefix: str, tmp_path: Path
) -> None:
    """librdkafka gives a number, and no error, for the end of a log whose leader is silent."""
    with Broker() as broker:
        group = Group(broker, prefix, tmp_path)
        member = group.member
        ends = member._ends

        def ends_of_a_silent_broker(partitions: Any) -> Any:
            member._ends = ends  # type: ignore[method-assign]
            group.publish(1, "consents")
            signalled(broker, signal.SIGSTOP)
            threading.Timer(SILENT, signalled, [broker, signal.SIGCONT]).start()
            return ends(partitions)

        with given_partitions(group):
            group.begin(0)
            asked = dict.fromkeys(GATE, range(PARTITIONS))
            group.call(lambda: ends(asked))  # from now on it knows the leaders
            member._ends = ends_of_a_silent_broker  # type: ignore[method-assign]
            group.publish(1)
            batches = group.batches(1)
            assert batches
            for records in batches[0].parts.values():
                assert records[0].topic == "consents"


def test_a_member_that_is_taken_for_its_own_former_self_joins_again(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    group = Group(broker, prefix, tmp_path)
    with given_partitions(group):
        former = group.namesake()
        wait_for(lambda: former.poll(0.1) or former.assignment(), 30, "the other one has joined")
        before = len(group.given)
        wait_for(lambda: len(group.given) > before, 30, "it has them again")
        group.publish(SINCE)
        group.begin(0)
        assert group.read(PARTITIONS * SINCE) == [SINCE] * PARTITIONS
        assert not group.failed
        former.close()


def test_a_member_whose_name_another_took_ends_with_a_sentence(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    group = Group(broker, prefix, tmp_path)
    with given_partitions(group):
        namesakes = []
        for number in (2, 3, 4):  # the first, that comes back at once each time
            namesake = group.namesake()
            namesakes.append(namesake)
            wait_for(
                lambda namesake=namesake, number=number: (
                    namesake.poll(0.1),
                    group.failed or len(group.given) == number,
                )[1],
                30,
                "it has joined again, or ended",
            )
        assert "under this one's name" in str(group.failed[0])
        for namesake in namesakes:
            namesake.close()


def test_partitions_that_a_raised_topic_tears_apart_are_nobodys(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """Two members would each have a part of one, and write its changelogs and scores side by side.

    Kafka's range gives the first 0 to 2 of six and 0 to 1 of four, and the second all the others.
    """
    first, second = (Group(broker, prefix, tmp_path / name) for name in ("first", "second"))
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    (done,) = client.create_partitions([NewPartitions(f"{prefix}purchases", 6)]).values()
    done.result(30)
    with given_partitions(first):
        assert first.last == set(range(PARTITIONS))
        with given_partitions(second):
            wait_for(lambda: len(first.given) == 2, 30, "they share")
            assert sorted([first.last, second.last], key=sorted) == [{0, 1}, {3}]
            offsets = [group.call(group.member.committed) for group in (first, second)]
            assert sum(map(len, offsets)) == len(INPUTS) * 3
