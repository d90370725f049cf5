"""Delivery while workers and brokers are killed, stopped and started at random moments."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from streams.embedded import Broker
from streams.marks import HEARTBEAT
from streams.transport.name import take_name
from tests.faults.wire import Wire
from tests.lane_world import GROUP, PARTITIONS, History, World, check, wait_for

pytestmark = pytest.mark.faults

FULL_SIZE = bool(os.environ.get("PLAINSCORE_FULL_SIZE"))
SEED = int(os.environ.get("PLAINSCORE_SEED") or time.time())


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path) as world:
        yield world


class Run:
    """A history that goes on while workers come and go, in ten pieces."""

    def __init__(self, world: World, seed: int, citizens: int = 200, events: int = 4_000) -> None:
        print(f"PLAINSCORE_SEED={SEED}")  # shown if the test fails
        self.world = world
        self.random = Random(SEED + seed)
        self.history = History(SEED + seed, citizens, events)
        world.send(self.history.consents() + self.history.shares())
        self._pieces = [self.history.happenings()]

    def send(self, part: float) -> None:
        """Send so much of what is left, in several steps."""
        left = self._pieces.pop()
        cut = int(len(left) * part)
        now, later = left[:cut], left[cut:]
        for start in range(0, cut, 100):
            self.world.send(now[start : start + 100])
        self._pieces.append(later)

    def check(self) -> None:
        """Send the rest, and compare what came of it all with the recount."""
        self.send(1)
        check(self.world, self.world.wait_done())


def test_killed_five_times_at_random_moments(world: World) -> None:
    run = Run(world, 1)
    for left in range(5, 0, -1):
        worker = world.worker().wait_ready()
        run.send(1 / (left + 1))
        time.sleep(run.random.uniform(0, 1))
        worker.kill()
    world.worker()
    run.check()


def test_state_deleted_in_mid_run(world: World) -> None:
    run = Run(world, 2)
    worker = world.worker().wait_ready()
    run.send(1 / 2)
    wait_for(lambda: worker.count("plainscore_events_total", outcome="scored"), 30, "it scores")
    time.sleep(run.random.uniform(0, 1))
    worker.kill()
    shutil.rmtree(worker.state)
    restored = world.worker()
    run.check()
    assert restored.count("plainscore_restore_records_total") > 0


def test_a_second_worker_joins_and_leaves_in_mid_run(world: World) -> None:
    run = Run(world, 3)
    world.worker("a").wait_ready()
    run.send(1 / 3)
    second = world.worker("b").wait_ready()
    run.send(1 / 2)
    wait_for(lambda: second.count("plainscore_events_total", outcome="scored"), 30, "both score")
    second.stop()
    run.check()


def test_workers_come_and_go_while_partitions_are_being_taken(world: World) -> None:
    run = Run(world, 4)
    first = world.worker("a").wait_ready()
    run.send(1 / 2)
    others = []
    for name in ("b", "c", "b"):
        time.sleep(run.random.uniform(0, 1))
        others.append(world.worker(name))
        if len(others) == 2:
            others[0].kill()
    run.send(1 / 2)
    wait_for(lambda: others[1].events("metrics_served"), 30, "it can be stopped")
    others[1].stop()
    run.check()
    assert not first.ended()


def test_a_worker_that_slept_through_its_own_burial_commits_nothing_more(world: World) -> None:
    run = Run(world, 5)
    sleeper = world.worker("a").wait_ready()
    run.send(1 / 3)
    sleeper.process.send_signal(signal.SIGSTOP)
    world.worker("b").wait_ready()
    run.send(1 / 2)
    wait_for(lambda: not world.left(), 60, "the other one has done its work")
    sleeper.process.send_signal(signal.SIGCONT)
    run.check()
    assert not sleeper.ended()


def test_a_worker_outlives_its_broker(prefix: str, tmp_path: Path) -> None:
    with Broker() as broker, World(broker.bootstrap, prefix, tmp_path) as world:
        run = Run(world, 6)
        worker = world.worker().wait_ready()
        run.send(1 / 2)
        broker.kill_node(0)
        time.sleep(60 if FULL_SIZE else run.random.uniform(0, 15))
        broker.start_node(0)
        run.check()
        assert not worker.ended()


def test_a_worker_that_lost_its_partitions_does_not_say_that_it_has_them(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """Nor that it is ready: with no lag to tell of, nothing else would say that it is cut off."""
    with Wire(broker.bootstrap) as wire, World(broker.bootstrap, prefix, tmp_path) as world:
        worker = world.worker(BROKERS=wire.bootstrap).wait_ready()
        assert worker.count("plainscore_partitions_owned") == PARTITIONS
        wire.cut()
        wait_for(lambda: not worker.count("plainscore_partitions_owned"), 30, "it has noticed")
        assert worker.count("plainscore_ready", condition="restored") == 0
        wire.mend()
        wait_for(lambda: worker.count("plainscore_partitions_owned"), 60, "it has them again")
        assert worker.count("plainscore_ready", condition="restored") == 1


def left_open(world: World, name: str) -> Producer:
    """A transaction that a worker leaves open who dies just before it commits."""
    producer = Producer(
        {
            "bootstrap.servers": world.brokers,
            "transactional.id": name,
            "transaction.timeout.ms": 60_000,
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(f"{world.prefix}citizens-changelog", None, HEARTBEAT, 0)
    assert producer.flush(30) == 0
    # Kafka takes the offsets of nobody in particular while the group is empty.
    nobody = Consumer({"bootstrap.servers": world.brokers, "group.id": GROUP})
    # In every partition: which of them a worker gets is decided by names that librdkafka draws.
    places = [TopicPartition(f"{world.prefix}purchases", p, 0) for p in range(PARTITIONS)]
    producer.send_offsets_to_transaction(places, nobody.consumer_group_metadata(), 30)
    nobody.close()
    return producer


def test_a_worker_that_waits_for_anothers_transaction_stops_in_time_and_others_join(
    world: World,
) -> None:
    run = Run(world, 7)
    open_one = left_open(world, "somebody-else")
    waiting = world.worker("a")
    wait_for(lambda: waiting.events("broker_asked_again"), 30, "it waits")
    stopped = world.worker("b")
    wait_for(lambda: stopped.events("broker_asked_again"), 30, "the other one waits too")
    assert stopped.stop(10) < 5
    open_one.abort_transaction(30)
    waiting.wait_ready(30)
    run.check()


def test_a_restart_ends_at_once_what_the_worker_before_has_left_open(world: World) -> None:
    run = Run(world, 8)
    name = take_name(world.folder / "a" / "state" / (world.prefix + GROUP), GROUP)
    fenced = left_open(world, name.value)
    assert name.lock is not None
    name.lock.close()  # as when it died
    world.worker("a").wait_ready(30)
    run.check()
    with pytest.raises(KafkaException, match="fenced"):
        fenced.commit_transaction(30)
