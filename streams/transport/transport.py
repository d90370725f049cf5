"""Faust's Transport on librdkafka."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from faust.transport import base, producer

from streams.topics import INPUTS, full_name
from streams.transport.consumer import Consumer
from streams.transport.lane import Lane
from streams.transport.name import Name
from streams.transport.part import Held


@dataclass(frozen=True)
class Plan:
    """What the transport is told by the app."""

    name: Name  # kept here for as long as the worker runs: its lock goes with it
    consumer_config: Mapping[str, Any]
    admin_config: Mapping[str, Any]
    producer_config: Mapping[str, Any]
    prefix: str
    partitions: int
    commit_seconds: float  # see the setting `commit_ms`

    @property
    def topics(self) -> list[str]:
        """The input topics, as Kafka knows them."""
        return [full_name(topic, self.prefix) for topic in INPUTS]

    @property
    def first_topic(self) -> str:
        """The topic under whose name a batch reaches the agent."""
        return self.topics[0]


class Producer(producer.Producer):
    """Faust's producer; output goes with the lane's transactions, and nothing through here."""

    async def flush(self) -> None:
        """Nothing waits here."""


class Transport(base.Transport):
    """Brings batches to the agents, and the lane to their transactions."""

    Consumer = Consumer
    Producer = Producer
    default_port = 9092
    driver_version = "librdkafka"

    plan: Plan
    lane: Lane
    restore: Callable[[list[int]], Awaitable[list[Held]]]
    on_ready: Callable[[list[int]], None]
    on_gone: Callable[[], None]

    def run_on(
        self,
        plan: Plan,
        restore: Callable[[list[int]], Awaitable[list[Held]]],
        on_ready: Callable[[list[int]], None],
        on_gone: Callable[[], None],
        on_stuck: Callable[[str], None],
    ) -> Lane:
        """Set the transport up; gives the lane on which the agents' transactions run."""
        self.plan, self.restore = plan, restore
        self.on_ready, self.on_gone = on_ready, on_gone
        self.lane = Lane(plan.producer_config, plan.prefix, plan.commit_seconds)
        self.lane.tries.on_stuck = on_stuck
        return self.lane
