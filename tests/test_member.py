"""What the group's member reads, where librdkafka is asked at an awkward moment."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.app import consumer_config
from streams.client import admin
from streams.embedded import Broker
from streams.memory import split
from streams.settings import Settings
from streams.topics import INPUTS
from streams.transport.member import Member
from streams.transport.name import Name
from tests.lane_world import PARTITIONS, wait_for

pytestmark = pytest.mark.faults

BEFORE, SINCE = 20, 5  # records of each partition
READ = 5  # of them, according to the group's offsets


@contextmanager
def _frozen(broker: Broker) -> Iterator[None]:
    for process in broker.processes():
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in broker.processes():
            os.kill(process, signal.SIGCONT)


def test_nothing_is_passed_over_where_a_broker_answers_late_while_partitions_are_taken(
    prefix: str, tmp_path: Path
) -> None:
    """A late answer to an earlier question must not move what is read after it."""
    with Broker() as broker:
        admin.apply(broker.bootstrap, prefix=prefix, partitions=PARTITIONS, replication=1)
        _publish(broker, prefix, BEFORE)
        assigned: list[int] = []
        frozen, ready = threading.Event(), threading.Event()
        settings = Settings(brokers=broker.bootstrap, prefix=prefix, state_dir=tmp_path)
        memory = split(settings.memory_mib, PARTITIONS)
        member = Member(
            consumer_config(settings, Name("a", None), memory),
            settings.librdkafka,
            prefix,
            0.01,
            on_assigned=lambda _, generation: assigned.append(generation),
            on_revoked=lambda: None,
            on_failed=lambda _: None,
        )
        given = member._assigned

        def given_in_a_freeze(*arguments: object) -> None:
            ready.set()
            frozen.wait(30)
            given(*arguments)

        member._assigned = given_in_a_freeze
        member.start()
        try:
            member.call(lambda: member.subscribe(INPUTS)).result(30)
            assert ready.wait(30)
            with _frozen(broker):
                frozen.set()
                wait_for(lambda: assigned, 10, "the partitions are given")
                offsets = dict.fromkeys(
                    ((topic, number) for topic in INPUTS for number in range(PARTITIONS)), 0
                ) | {("purchases", number): READ for number in range(PARTITIONS)}
                assert member.call(lambda: member.read_from(assigned[-1], offsets)).result(30)
                time.sleep(0.2)
            time.sleep(0.2)
            _publish(broker, prefix, SINCE)
            read = [0] * PARTITIONS
            until = time.monotonic() + 30
            while sum(read) < PARTITIONS * (BEFORE + SINCE - READ) and time.monotonic() < until:
                batch = member.call(lambda: member.fetch(0.5)).result(30)
                for number, records in (batch.parts if batch else {}).items():
                    read[number] += len(records)
            assert read == [BEFORE + SINCE - READ] * PARTITIONS
        finally:
            member.stop()
            member.join(30)


def _publish(broker: Broker, prefix: str, records: int) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in range(PARTITIONS):
        for _ in range(records):
            producer.produce(prefix + "purchases", b"any", partition=number)
    assert producer.flush(30) == 0
