"""The order in which brokers and workers start, stop and come back does not matter."""

import os
import time
from pathlib import Path

import pytest

from streams.client import admin
from streams.embedded import Broker
from tests.lane_world import AUDIENCES, PARTITIONS, History, World, check, wait_for

pytestmark = pytest.mark.faults

FULL_SIZE = bool(os.environ.get("PLAINSCORE_FULL_SIZE"))


def test_a_worker_may_start_before_its_broker(prefix: str, tmp_path: Path) -> None:
    with Broker() as broker, World(broker.bootstrap, prefix, tmp_path) as world:
        history = History(61, citizens=30, events=300)
        world.send(history.consents())
        broker.kill_node(0)
        worker = world.worker()
        wait_for(lambda: worker.events("broker_awaited"), 30, "it waits")
        broker.start_node(0)
        worker.wait_ready()
        happened = history.happenings()
        world.send(happened[::2])
        world.wait_done()
        if FULL_SIZE:
            broker.kill_node(0)
            time.sleep(60)
            broker.start_node(0)
        world.send(happened[1::2])
        check(world, world.wait_done())
        assert not worker.ended()


if FULL_SIZE:  # three brokers take minutes where there are two processors

    def test_brokers_are_replaced_one_by_one(prefix: str, tmp_path: Path) -> None:
        with Broker(nodes=3) as brokers:
            admin.apply(
                brokers.bootstrap,
                prefix=prefix,
                partitions=PARTITIONS,
                replication=3,
                audiences=AUDIENCES,
            )
            with World(brokers.bootstrap, prefix, tmp_path) as world:
                history = History(62, citizens=60, events=1_200)
                world.send(history.consents())
                happened = history.happenings()
                workers = [world.worker(name).wait_ready() for name in ("a", "b")]
                for node in range(3):
                    world.send(happened[node::6])
                    brokers.kill_node(node)
                    world.send(happened[node + 3 :: 6])
                    world.wait_done()
                    brokers.start_node(node)
                check(world, world.wait_done())
                assert not any(worker.ended() for worker in workers)
