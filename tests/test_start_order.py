"""The order in which brokers and workers start does not matter."""

from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.embedded import Broker
from tests.lane_world import AUDIENCES, History, Worker, World, check, wait_for

pytestmark = pytest.mark.faults

NODES = 3


def test_a_worker_may_start_before_its_broker(prefix: str, tmp_path: Path) -> None:
    with Broker() as broker:
        with World(broker.bootstrap, prefix, tmp_path):
            pass  # the topics are there
        broker.kill_node(0)
        settings = {
            "BROKERS": broker.bootstrap,
            "PREFIX": prefix,
            "AUDIENCES": ",".join(AUDIENCES),
        }
        worker = Worker(tmp_path / "a", settings)
        wait_for(lambda: worker.events("broker_awaited"), 30, "it waits")
        broker.start_node(0)
        worker.wait_ready()
        # Clients of its own: librdkafka's from before would go on to ask the leaders of then.
        with World(broker.bootstrap, prefix, tmp_path) as world:
            world.workers.append(worker)
            history = History(61, citizens=30, events=300)
            world.send(history.consents())
            world.send(history.happenings())
            check(world, world.wait_done())


def test_brokers_may_be_replaced_one_by_one(prefix: str, tmp_path: Path) -> None:
    with Broker(nodes=NODES) as brokers:
        with World(brokers.bootstrap, prefix, tmp_path) as world:
            history = History(62, citizens=30, events=600)
            world.send(history.consents())
            worker = world.worker().wait_ready()
            happened = history.happenings()
            pieces = [happened[place::NODES] for place in range(NODES)]
            for node, piece in enumerate(pieces):
                wait_for(lambda: all_in_sync(brokers, prefix), 60, "all copies are up to date")
                brokers.kill_node(node)
                world.send(piece)
                brokers.start_node(node)
            world.workers.clear()  # it outlives the clients of before
        # Clients of its own, as above.
        with World(brokers.bootstrap, prefix, tmp_path) as world:
            world.workers.append(worker)
            check(world, world.wait_done())
            assert not worker.ended()


def all_in_sync(brokers: Broker, prefix: str) -> bool:
    """Whether every broker has all of every partition, so that any one may go."""
    admin = AdminClient({"bootstrap.servers": brokers.bootstrap, "log_level": 0})
    try:
        topics = admin.list_topics(timeout=10).topics
    except KafkaException:
        return False
    return all(
        len(partition.isrs) == NODES and partition.leader >= 0
        for name, topic in topics.items()
        if name.startswith(prefix)
        for partition in topic.partitions.values()
    )
