"""The load: citizens who consent, and their purchases, as the bytes that stand in the topics."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import Producer

from streams.client.connection import Connection
from streams.codec import encode
from streams.topics import DAY, full_name, partition_of

PARTITIONS = 4
SEED = 20_150_618
FIRST_DAY = 1_764_547_200_000  # 2025-12-01, ms; scores do not depend on the day of the measuring
DAYS = 30  # that the purchases are spread over, in the order of time, as in a backfill
AGAIN_OF = 100  # one in so many purchases comes twice
AGAIN_WITHIN = 1_000  # records behind the first
SCORECARD = "everyday"
SHOPS = tuple(f"shop-{number:02}" for number in range(1, 21))
CATEGORIES = ("groceries", "household", "books", "music", "tools", "transport", "games", "toys")


class Sent(NamedTuple):
    """A record to send."""

    key: bytes
    value: bytes
    partition: int


@dataclass(frozen=True)
class Load:
    """Citizens, the consent of each, and purchases with about one in a hundred sent twice."""

    citizens: tuple[str, ...]
    consents: list[Sent]
    purchases: list[Sent]

    def part(self, of: int) -> "Load":
        """Give the first of `of` parts of the citizens, with all that is theirs."""
        chosen = self.citizens[: max(1, len(self.citizens) // of)]
        keys = {name.encode() for name in chosen}
        return Load(
            chosen,
            [each for each in self.consents if each.key in keys],
            [each for each in self.purchases if each.key in keys],
        )


def make(events: int, citizens: int) -> Load:
    """Make a load; the same numbers give the same bytes."""
    chance = random.Random(SEED)
    names = tuple(f"citizen-{number:08}" for number in range(citizens))
    consents = []
    for name in names:
        grant = {
            "scorecard": SCORECARD,
            "kinds": ["purchases"],
            "covers_from": FIRST_DAY - 365 * DAY,
        }
        values = {"citizen_id": name, "occurred_at": FIRST_DAY, "grants": [grant]}
        consents.append(_sent("consents", name, values))
    again = events // AGAIN_OF
    once = [_purchase(chance, names, place, events - again) for place in range(events - again)]
    purchases: list[tuple[float, Sent]] = [(float(place), each) for place, each in enumerate(once)]
    for place in chance.sample(range(len(once)), again):
        purchases.append((place + chance.uniform(0.0, AGAIN_WITHIN), once[place]))
    purchases.sort(key=lambda placed: placed[0])
    return Load(names, consents, [each for _, each in purchases])


def _purchase(chance: random.Random, names: Sequence[str], place: int, of: int) -> Sent:
    name = chance.choice(names)
    values = {
        "event_id": f"{chance.getrandbits(128):032x}",
        "citizen_id": name,
        "occurred_at": FIRST_DAY + DAYS * DAY * place // of,
        "source": chance.choice(SHOPS),
        "category": chance.choice(CATEGORIES),
        "amount_minor": chance.randrange(100, 20_000),
        "currency": "USD",
        "quantity": chance.choice((1, 1, 1, 2, 3)),
    }
    return _sent("purchases", name, values)


def _sent(topic: str, name: str, values: dict[str, object]) -> Sent:
    return Sent(name.encode(), encode(topic, values), partition_of(name, PARTITIONS))


class Sender:
    """Puts records into empty topics, in one transaction.

    Who reads committed records sees none of them until `release`, and then all at once.
    """

    def __init__(self, brokers: str, prefix: str) -> None:
        self._prefix = prefix
        self._producer = Connection(brokers).open(
            Producer,
            {
                "transactional.id": f"{prefix}load",
                "transaction.timeout.ms": 600_000,
                "compression.type": "none",  # what plain Faust's driver reads as it is installed
                "linger.ms": 5,
                "queue.buffering.max.messages": 500_000,
            },
        )
        self._producer.init_transactions(60)
        self._producer.begin_transaction()

    def send(self, topic: str, records: Sequence[Sent], rounds: int = 1) -> dict[int, int]:
        """Send records, all of them `rounds` times; gives the offset behind the last of each
        partition.
        """
        name, produce = full_name(topic, self._prefix), self._producer.produce
        for _ in range(rounds):
            for key, value, partition in records:
                while True:
                    try:
                        produce(name, value, key, partition)
                        break
                    except BufferError:
                        self._producer.poll(0.05)
        self._producer.flush(60)
        counts = Counter(each.partition for each in records)
        return {partition: count * rounds for partition, count in counts.items()}

    def release(self) -> None:
        """Commit; an error if a record was lost."""
        self._producer.commit_transaction(60)


def publish(brokers: str, topic: str, prefix: str, records: Sequence[Sent]) -> dict[int, int]:
    """Send records and commit them; gives the same as `Sender.send`."""
    sender = Sender(brokers, prefix)
    ends = sender.send(topic, records)
    sender.release()
    return ends
