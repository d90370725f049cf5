"""Publishes all records of the demo, from a thread of its own, and counts them."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from streams.client import Publisher
from streams.demo import invented
from streams.demo.purchases import Purchases


class Flow:
    """Consents first; once `go_on` is called, all events in the order of their time."""

    def __init__(self, brokers: str, purchases: Purchases, now: int) -> None:
        self.consents = invented.consents(purchases, now)
        self.events: list[tuple[str, dict[str, Any]]] = sorted(
            [
                *(("purchases", each) for each in purchases.records),
                *invented.fines_and_payments(purchases),
            ],
            key=lambda event: event[1]["occurred_at"],
        )
        self.published = 0  # events so far
        self._brokers = brokers
        self._ended, self._go_on = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(1, "publisher")
        self._sent: Future[None] | None = None

    def __enter__(self) -> Self:
        self._sent = self._pool.submit(self._send)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ended.set()
        self._go_on.set()
        self._pool.shutdown()

    def go_on(self) -> None:
        """Let the events follow."""
        self._go_on.set()

    def sent(self) -> bool:
        """Whether Kafka has acknowledged everything. Raises what went wrong."""
        assert self._sent
        return self._sent.done() and self._sent.result() is None

    def _send(self) -> None:
        with Publisher(self._brokers) as publisher:
            for consent in self.consents:
                publisher.publish("consents", consent)
                if self._ended.is_set():
                    return
            publisher.flush()
            self._go_on.wait()
            for topic, event in self.events:
                publisher.publish(topic, event)
                self.published += 1
                if self._ended.is_set():
                    return
