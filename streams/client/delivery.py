"""Records on their way: queued, acknowledged by Kafka, or raised if it did not take them."""

from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.client.connection import Connection, sentence
from streams.errors import BadData, PlainscoreError, Unreachable

ACKNOWLEDGED_WITHIN = 60.0  # seconds until a record that Kafka has not taken counts as lost

_SETTINGS = {
    "enable.idempotence": True,
    "acks": "all",
    "compression.type": "lz4",
    "linger.ms": 20,
    "delivery.timeout.ms": int(ACKNOWLEDGED_WITHIN * 1000),
    "delivery.report.only.error": True,
    "queue.buffering.max.kbytes": 65_536,
}

_FATAL = KafkaError(KafkaError._FATAL, "Kafka's client has ended, and says why in its log", True)

# What Kafka will refuse again however often it is sent.
_REFUSALS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.RECORD_LIST_TOO_LARGE,
    }
)


class Delivery:
    """Sends records; what Kafka did not take is raised once, with its count and a reason."""

    def __init__(self, connection: Connection) -> None:
        """Connect, as soon as something is asked or sent."""
        self._connection = connection
        self._producer = connection.open(Producer, {**_SETTINGS, "on_delivery": self._undelivered})
        self._lost = 0
        self._first_loss: KafkaError | None = None
        self._fatal: KafkaError | None = None  # why nothing will ever be sent any more

    def topics(self) -> dict[str, int]:
        """Every topic of the cluster with its number of partitions. Raises Unreachable."""
        return self._connection.topics(self._producer)

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> None:
        """Queue a record of a topic (with its prefix); wait while the queue is full.

        timestamp_ms: Kafka's, the time of sending unless given.
        """
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    partition,
                    timestamp=timestamp_ms or 0,  # 0: librdkafka takes the time of sending
                    headers=list(headers) or None,
                )
            except BufferError:  # its queue is full: wait for Kafka
                self._served(self._producer.poll, 0.1)
                self.raise_losses()
            except KafkaException as refused:
                if refused.args[0].code() == KafkaError._FATAL:
                    self._served(self._producer.poll, 0)  # says why
                raise self._loss(1, self._fatal or refused.args[0]) from refused
            else:
                self._served(self._producer.poll, 0)
                return

    def flush(self, timeout: float | None = None) -> None:
        """Wait until Kafka has acknowledged all records; None: as long as one may take (60 s)."""
        seconds = ACKNOWLEDGED_WITHIN + 5 if timeout is None else timeout
        waiting = self._served(self._producer.flush, seconds)
        self.raise_losses()
        if waiting:
            raise self._unacknowledged(waiting)

    def raise_losses(self) -> None:
        """Raise for what Kafka did not take since the last time: Unreachable, or BadData."""
        if self._first_loss is not None:
            error = self._loss(self._lost, self._fatal or self._first_loss)
            self._lost, self._first_loss = 0, None
            raise error

    def _served(self, serve: Callable[[float], int], seconds: float) -> int:
        """Let librdkafka report; what ends the producer for good is why it loses all it holds."""
        try:
            return serve(seconds)
        except (KafkaException, SystemError) as raised:
            # confluent-kafka calls us with a fatal error set, and Python minds that, or forgets it.
            known = raised if isinstance(raised, KafkaException) else raised.__cause__
            self._fatal = known.args[0] if isinstance(known, KafkaException) else _FATAL
        self._producer.purge()
        return self._producer.flush(seconds)

    def _undelivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._lost += 1
            self._first_loss = self._first_loss or error

    def _loss(self, count: int, error: KafkaError) -> PlainscoreError:
        what = f"{_counted(count, 'was', 'were')} not delivered: {sentence(error)}"
        where = f"brokers {self._connection.brokers}"
        if error.code() == KafkaError.INVALID_TIMESTAMP:
            mend = "Set this machine's clock, or the timestamp that was given, and send again."
            return BadData(what, where=where, next_step=mend)
        if error.code() in _REFUSALS:
            return BadData(what, where=where, next_step="Mend what Kafka refuses and send again.")
        if error.fatal():
            return Unreachable(
                what,
                where=where,
                next_step="Check the security settings and the broker's rules, then open a new"
                " Publisher and send all records again: repeats change nothing.",
            )
        return Unreachable(
            what,
            where=where,
            next_step="When the broker is there again, open a new Publisher and send all records"
            " again: repeats change nothing.",
        )

    def _unacknowledged(self, count: int) -> Unreachable:
        return Unreachable(
            f"{_counted(count, 'is', 'are')} not acknowledged yet",
            where=f"brokers {self._connection.brokers}",
            next_step="Flush again, or see whether the broker is well.",
        )


def _counted(count: int, one: str, more: str) -> str:
    return f"1 record {one}" if count == 1 else f"{count:,} records {more}"
