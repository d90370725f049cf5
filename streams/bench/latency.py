"""Latency: from the time at which an event is due to be sent to its change at a consumer.

A change names the event that caused it, and the event's id holds its number in a fixed schedule. So
what queues anywhere counts from when it was due, not from when it could be sent at last. An event
that changes nothing gives no change, and has no latency.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread

from confluent_kafka import Consumer, TopicPartition

from streams.bench.load import NUMBER, PARTITIONS, TIMED, Load
from streams.bench.send import due, send_on_time
from streams.bench.stage import Stage
from streams.client.connection import Connection
from streams.errors import PlainscoreError
from streams.topics import full_name

WARM_SECONDS = 2.0  # at the beginning, not counted
SECONDS = 10.0
BEFORE = 0.5  # seconds from the start of the reader to the first event
QUIET = 1.0  # seconds without a change, after which none is to come
_MARK = TIMED.encode()

Wait = Callable[[Callable[[], bool], str], None]  # until something holds, that is named


@dataclass(frozen=True)
class Latency:
    """What a schedule came to, in milliseconds."""

    rate: float  # events a second
    p50: float
    p99: float
    p99_9: float
    changes: int  # that were timed


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Give the least value that so many percent of the ordered values do not exceed."""
    place = -int(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(0, place - 1)]


def latency(stage: Stage, load: Load, first: int, rate: float, wait: Wait) -> Latency:
    """Send timed events from number `first` at a rate, and time the changes that they cause."""
    records = load.timed(first, count_of(rate))
    reader = _Reader(stage)
    reader.start()
    begin = time.monotonic() + BEFORE
    try:
        send_on_time(stage.brokers, stage.prefix, records, begin, rate)
        ends = stage.ends({(each.topic, each.partition) for each in records})
        wait(lambda: stage.reached(ends), "the last timed event")
        wait(lambda: time.monotonic() - reader.last > QUIET, "the last change")
    finally:
        reader.stop()
    warm, end = first + int(rate * WARM_SECONDS), first + len(records)
    waits = sorted(
        (arrived - due(begin, number - first, rate)) * 1000
        for number, arrived in reader.arrivals
        if warm <= number < end
    )
    if not waits:
        raise PlainscoreError(f"none of {len(records)} timed events changed a score")
    p50, p99, p99_9 = (percentile(waits, percent) for percent in (50, 99, 99.9))
    return Latency(rate, p50, p99, p99_9, len(waits))


def count_of(rate: float) -> int:
    """Tell how many events a schedule has."""
    return int(rate * (WARM_SECONDS + SECONDS))


def number_in(value: bytes) -> int | None:
    """Find the number of the event that a change, or the event's own bytes, names."""
    place = value.find(_MARK)
    if place < 0:
        return None
    place += len(_MARK)
    return int(value[place : place + NUMBER])


class _Reader(Thread):
    """Reads changes from here on, committed ones alone, and notes when each arrived."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(name="reader", daemon=True)
        topic = "score-changes"
        self._consumer = Connection(stage.brokers).open(
            Consumer,
            {
                "group.id": stage.prefix + "latency",  # librdkafka wants one; nobody joins it
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            },
        )
        ends = stage.ends({(topic, partition) for partition in range(PARTITIONS)})
        name = full_name(topic, stage.prefix)
        self._consumer.assign([TopicPartition(name, p, end) for (_, p), end in ends.items()])
        self._stopped = Event()
        self.arrivals: list[tuple[int, float]] = []  # an event's number, time.monotonic()
        self.last = time.monotonic()

    def run(self) -> None:
        while not self._stopped.is_set():
            message = self._consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            number = number_in(message.value() or b"")
            if number is not None:
                self.last = time.monotonic()
                self.arrivals.append((number, self.last))

    def stop(self) -> None:
        self._stopped.set()
        self.join()
        self._consumer.close()
