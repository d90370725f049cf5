"""The worker without transactions, at least once: to see what exactly-once costs.

Run as `python -m streams.bench.at_least_once`, with a worker's settings. Output is flushed, then
the tables are written, then the offsets are committed: a death in between does some of it twice.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import confluent_kafka
from confluent_kafka import TopicPartition

from streams.cli.worker import worker
from streams.topics import full_name
from streams.transport import consumer, lane, transport
from streams.transport.batch import Batch
from streams.transport.member import Member
from streams.transport.part import Part


class Producer(confluent_kafka.Producer):
    """An idempotent producer; what it is told of transactions does nothing."""

    def init_transactions(self, *_: Any) -> None:
        """Nothing is left open by the one before."""

    def begin_transaction(self) -> None:
        """What is produced counts at once."""

    def send_offsets_to_transaction(self, *_: Any) -> None:
        """Offsets are the group's member's to commit."""

    def commit_transaction(self, *_: Any) -> None:
        """What was flushed stands."""


class Lane(lane.Lane):
    """The lane's own steps, and the offsets after the last of them."""

    member: Member

    def __init__(
        self, producer_config: Mapping[str, Any], prefix: str, commit_seconds: float
    ) -> None:
        plain = {k: v for k, v in producer_config.items() if not k.startswith("transaction")}
        super().__init__(plain, prefix, commit_seconds)

    async def _finish(self, batch: Batch, parts: list[Part]) -> None:
        await super()._finish(batch, parts)
        places = [
            TopicPartition(full_name(topic, self._prefix), partition, offset)
            for (topic, partition), offset in batch.positions.items()
        ]
        if places:  # else the batch was work that was left, and no record
            commit = partial(self.member._consumer.commit, offsets=places, asynchronous=False)
            # In the member's own thread: another one waits in vain while that one fetches.
            await asyncio.wrap_future(self.member.call(commit))


class Consumer(consumer.Consumer):
    """The worker's, which lets the lane know the member whose offsets it commits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lane.member = self.member


if __name__ == "__main__":
    # From outside: the product has no such way, and shall not have a hook for it.
    lane.Producer = Producer  # type: ignore[attr-defined]
    transport.Lane = Lane  # type: ignore[attr-defined]
    transport.Transport.Consumer = Consumer
    worker()
