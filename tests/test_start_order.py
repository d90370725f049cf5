"""The order in which brokers and workers start does not matter."""

from pathlib import Path

import pytest

from streams.embedded import Broker
from tests.lane_world import AUDIENCES, History, Worker, World, check, wait_for

pytestmark = pytest.mark.faults


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
